import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** Builds the dashboard into `dist`, which `npm start` serves (server/doors/pages/dashboard.ts). */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // The server replaces the placeholder by a fresh nonce in each answer.
  html: { cspNonce: '__CSP_NONCE__' },
  // csv-parse needs Node's Buffer, which a browser lacks; csv-parse's build for browsers brings a Buffer along.
  resolve: { alias: { 'csv-parse/sync': 'csv-parse/browser/esm/sync' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // An inlined asset has a `data:` address, which the page's policy does not allow for scripts and styles.
    assetsInlineLimit: 0,
    // Every browser that the dashboard is meant for knows module preload.
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/trpc': 'http://127.0.0.1:3000', '/api': 'http://127.0.0.1:3000' } },
});

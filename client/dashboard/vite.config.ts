import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/** `npm start` serves what this builds: server/doors/pages/dashboard.ts. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  // The server puts a fresh nonce in its place in each answer.
  html: { cspNonce: '__CSP_NONCE__' },
  // It works on bytes by Node's Buffer, but for this form of it.
  resolve: { alias: { 'csv-parse/sync': 'csv-parse/browser/esm/sync' } },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    target: 'es2022',
    // A data: address is not allowed for scripts and styles.
    assetsInlineLimit: 0,
    // Every browser that is meant has it, and it is an inline script.
    modulePreload: { polyfill: false },
  },
  server: { proxy: { '/trpc': 'http://127.0.0.1:3000', '/api': 'http://127.0.0.1:3000' } },
});

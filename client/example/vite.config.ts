import { createIntrozyClient } from '@introzy/client';
import react from '@vitejs/plugin-react';
import { type Connect, defineConfig } from 'vite';

/**
 * The page's own backend, which has the key (INTROZY_API_KEY). `GET /token` gives a token for 15 minutes. Yours is a
 * route of your server, for people who have signed in there: the token opens all contacts.
 */
function addBackend({ middlewares }: { middlewares: Connect.Server }) {
  const introzy = createIntrozyClient();
  middlewares.use('/token', (_request, response, next) => {
    const minted = introzy.keys.mintToken.mutate({ expiresInMinutes: 15 });
    minted.then(({ token }) => response.setHeader('Cache-Control', 'no-store').end(token), next);
  });
}

export default defineConfig({
  plugins: [react(), { name: 'backend', configureServer: addBackend, configurePreviewServer: addBackend }],
  // The page is built with the service's address, INTROZY_URL, and with no other variable.
  envPrefix: 'INTROZY_URL',
});

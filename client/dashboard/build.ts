/**
 * Builds the dashboard. Without the development packages (`npm ci --omit=dev`) it says that it does not, and the API works
 * without. Of those the plugin tells: Vite itself comes with others, too.
 */
const isInstalled = await import('@vitejs/plugin-react').then(
  () => true,
  () => false,
);
if (isInstalled) {
  const { build } = await import('vite');
  await build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'warn' });
} else {
  process.stdout.write(
    'The dashboard is not built: that takes the development packages (npm ci, then npm run build).\n',
  );
}

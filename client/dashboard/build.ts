/** Builds the dashboard. Where Vite is not installed (`npm ci --omit=dev`), says so: the API works without. */
const vite = await import('vite').catch(() => undefined);
if (vite) {
  await vite.build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'warn' });
} else {
  process.stdout.write(
    'The dashboard is not built: that takes the development packages (npm ci, then npm run build).\n',
  );
}

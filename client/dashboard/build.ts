/**
 * Builds the dashboard. Without the development packages, only says that the dashboard is not built: the API works
 * without the dashboard.
 */
import { canBuild } from '../developmentPackages.ts';

if (canBuild('The dashboard')) {
  const { build } = await import('vite');
  await build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'warn' });
}

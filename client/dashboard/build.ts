/** Builds the dashboard; without the development packages, says that it does not. The API works without the dashboard. */
import { canBuild } from '../developmentPackages.ts';

if (canBuild('The dashboard')) {
  const { build } = await import('vite');
  await build({ configFile: `${import.meta.dirname}/vite.config.ts`, logLevel: 'warn' });
}

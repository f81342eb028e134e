import manifest from '../package.json' with { type: 'json' };

/**
 * True where all development packages are installed, so that a build can go on. Where a package is missing, prints that
 * `what` is not built. `npm ci --omit=dev` leaves out some development packages and still installs others, as peers of
 * packages that the service needs (vite and typescript among the peers). So a build asks for every package that the
 * build may need, not for its tools alone.
 */
export function canBuild(what: string): boolean {
  const missing = Object.keys(manifest.devDependencies).filter((name) => !isInstalled(name));
  if (missing.length === 0) return true;
  const [first, ...others] = missing;
  process.stdout.write(
    `${what} is not built: that takes the development packages (npm ci, then npm run build). ` +
      `Not installed: ${first}${others.length > 0 ? ` and ${others.length} more` : ''}.\n`,
  );
  return false;
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(`${name}/package.json`);
    return true;
  } catch (error) {
    // An installed package may not export its package.json.
    return (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND';
  }
}

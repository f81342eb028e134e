import manifest from '../package.json' with { type: 'json' };

/**
 * True where a build can go on: all development packages are installed. Where they are not, says that `what` is not built.
 * `npm ci --omit=dev` leaves some of them out, and installs others all the same, as peers of packages that the service
 * needs (vite and typescript among them). So a build asks for every package that it may need, not for its tools alone.
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
    // A package may be there and not export the file.
    return (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND';
  }
}

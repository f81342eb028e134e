import { join } from 'node:path';

const MODULES = join(import.meta.dirname, 'node_modules');

/**
 * The path of a program from this folder's packages. helpers/judgesSetup.ts installs the packages at the start of a
 * run.
 */
export const programOf = (name: string) => join(MODULES, '.bin', name);
export const SPECMATIC = join(MODULES, 'specmatic/specmatic.jar');

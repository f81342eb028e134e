import { join } from 'node:path';

const MODULES = join(import.meta.dirname, 'node_modules');

/** A program of this folder's packages, which the run of the tests installs: see helpers/judgesSetup.ts. */
export const programOf = (name: string) => join(MODULES, '.bin', name);
export const SPECMATIC = join(MODULES, 'specmatic/specmatic.jar');

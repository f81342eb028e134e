import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Loaded by `node --import` before any TypeScript. Node then keeps each module as V8 has compiled it, without its types,
// for the next start: that start takes a third of the time, and does not load Node's remover of types (20 MB). Node
// writes the cache when the process exits. Where the folder cannot be written, each start compiles anew.
enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/introzy/compiled'));

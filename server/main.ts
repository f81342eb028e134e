import { enableCompileCache } from 'node:module';
import { join } from 'node:path';

// Node keeps the modules as V8 has compiled them, for the next start. Where the folder cannot be written, each start
// compiles anew. The service's own modules come by `import()`, as Node compiles static imports before this line runs.
enableCompileCache(join(import.meta.dirname, '../node_modules/.cache/introzy/compiled'));

const { serve } = await import('./start/serve.ts');
await serve();

import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { PREVIOUS_FILE } from './helpers/previous.ts';

/**
 * Keeps the service of a commit as the version before: `npm run previous -- COMMIT`, after each release. The tests of
 * migrations run that version beside the present version. The history of a clone may lack the commit, so the files are
 * kept.
 */
const [commit = 'HEAD'] = process.argv.slice(2);
const parts = ['db', 'server', 'shared', 'client/package.json', 'package.json'];
const archive = execFileSync('git', ['archive', commit, ...parts], { maxBuffer: 100_000_000 });
writeFileSync(PREVIOUS_FILE, gzipSync(archive, { level: 9 }));

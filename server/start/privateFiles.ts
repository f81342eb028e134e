import { chmod, lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;

/**
 * Lets nobody but the owner read the files that this process makes from now on. A worker thread may not set the umask,
 * which is the whole process's.
 */
export function narrowUmask() {
  if (isMainThread) process.umask(0o077);
}

/**
 * Gives a folder and all in the folder to the owner alone: folders mode 0700, files mode 0600. Links are left alone, as a
 * link's own mode means nothing, and the link's target may lie outside the folder.
 */
export async function makePrivate(folder: string): Promise<void> {
  // The folder comes first: once the folder is closed, nobody else reaches the files in the folder.
  await chmod(folder, FOLDER_MODE);
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await makePrivate(path);
    else if (entry.isFile() && ((await lstat(path)).mode & 0o7777) !== FILE_MODE) await chmod(path, FILE_MODE);
  }
}

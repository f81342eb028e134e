import { NodeFS } from '@electric-sql/pglite/nodefs';

/** What this file uses of Emscripten's file system. Both `chmod` and `fchmod` call `doChmod`. */
interface EmscriptenFS {
  doChmod(stream: unknown, node: unknown, mode: number, dontFollow?: boolean): void;
}

/** The modes that are left to the group and to others: none. */
const OWNER_ONLY = ~0o077;

/**
 * Gives PGlite a directory for its files, which stay the owner's alone. Emscripten sets the mode of each new file to what
 * PostgreSQL asks for, such as 0666, after the process's umask has narrowed the mode.
 */
export function privateNodeFS(directory: string): NodeFS {
  const files = new NodeFS(directory);
  const init = files.init.bind(files);
  files.init = async (database, options) => {
    const { emscriptenOpts } = await init(database, options);
    const narrow = ({ FS }: { FS: unknown }) => {
      const fs = FS as EmscriptenFS;
      const doChmod = fs.doChmod.bind(fs);
      fs.doChmod = (stream, node, mode, dontFollow) => doChmod(stream, node, mode & OWNER_ONLY, dontFollow);
    };
    return { emscriptenOpts: { ...emscriptenOpts, preRun: [...(emscriptenOpts.preRun ?? []), narrow] } };
  };
  return files;
}

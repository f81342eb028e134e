/** A file to scan. `read` throws where the file cannot be read. */
export interface Source {
  /** The same for the same content of the same file, under whatever name the file is given. */
  id: string;
  file: string;
  read(): AsyncIterable<Buffer>;
}

/** A source whose reading throws `error`. */
export const unreadable = (file: string, { id = file, error }: { id?: string; error: unknown }): Source => ({
  id,
  file,
  read() {
    throw error;
  },
});

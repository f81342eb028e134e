import type { CompiledQuery, Kysely } from 'kysely';
import type { Schema } from './schema.ts';

type Build<P, R> = (db: Kysely<Schema>, parameter: <K extends keyof P>(name: K) => P[K]) => CompiledQuery<R>;

/** Stands for a parameter's value while the query is compiled. */
interface Placeholder {
  readonly placeholder: PropertyKey;
}
const isPlaceholder = (value: unknown): value is Placeholder =>
  typeof value === 'object' && value !== null && 'placeholder' in value;

/**
 * Makes a function that runs a query. Kysely builds and compiles the query at the first call only, which the hottest
 * paths need; from call to call only the parameters change.
 */
export function prepared<P extends object, R>(
  build: Build<P, R>,
  { mayShare = false } = {},
): (db: Kysely<Schema>, parameters: P) => Promise<R[]> {
  let compiled: CompiledQuery<R> | undefined;
  return async (db, parameters) => {
    compiled ??= Object.assign(
      { mayShare },
      build(db, (name) => ({ placeholder: name }) as never),
    );
    const values = compiled.parameters.map((value) =>
      isPlaceholder(value) ? parameters[value.placeholder as keyof P] : value,
    );
    return (await db.executeQuery<R>({ ...compiled, parameters: values })).rows;
  };
}

import type { CompiledQuery, Kysely } from 'kysely';
import type { Schema } from './schema.ts';

type Build<P, R> = (db: Kysely<Schema>, parameter: <K extends keyof P>(name: K) => P[K]) => CompiledQuery<R>;

/** Stands for a parameter while its query is compiled. */
interface Placeholder {
  readonly placeholder: PropertyKey;
}
const isPlaceholder = (value: unknown): value is Placeholder =>
  typeof value === 'object' && value !== null && 'placeholder' in value;

/** A query that is built and compiled once, for the hottest paths: only its parameters change from call to call. */
export function prepared<P extends object, R>(build: Build<P, R>): (db: Kysely<Schema>, parameters: P) => Promise<R[]> {
  let compiled: CompiledQuery<R> | undefined;
  return async (db, parameters) => {
    compiled ??= build(db, (name) => ({ placeholder: name }) as never);
    const values = compiled.parameters.map((value) =>
      isPlaceholder(value) ? parameters[value.placeholder as keyof P] : value,
    );
    return (await db.executeQuery<R>({ ...compiled, parameters: values })).rows;
  };
}

import { ConfigError } from './config.ts';

/**
 * Gives the outcome of work on the database at a start. Throws a `ConfigError` that says why the work cannot be done, and
 * names the `variable` whose database or login the work needs.
 */
export async function explain<T>(variable: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const { message, hint } = error as Error & { hint?: string };
    throw new ConfigError(`The database in ${variable} could not be prepared: ${message}.${hint ? ` ${hint}.` : ''}`, {
      cause: error,
    });
  }
}

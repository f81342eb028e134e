/**
 * Does the work of a name piece by piece: of an address, so that the second of two sign-ups at once finds the account of
 * the first, or of an organization.
 */
export function takeTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const own = Promise.allSettled([last.get(name)]).then(work);
    last.set(name, own);
    try {
      return await own;
    } finally {
      if (last.get(name) === own) last.delete(name);
    }
  };
}

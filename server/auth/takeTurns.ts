/** Does the work of an address piece by piece: the second of two sign-ups at once finds the account of the first. */
export function takeTurns() {
  const last = new Map<string, Promise<unknown>>();
  return async (address: string, work: () => Promise<unknown>) => {
    const own = Promise.allSettled([last.get(address)]).then(work);
    last.set(address, own);
    try {
      await own;
    } finally {
      if (last.get(address) === own) last.delete(address);
    }
  };
}

import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    contacts: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    /** The groups whose name contains the text. */
    only: { type: 'string', default: '' },
    /** `both` forms of logins, or `one` login alone. */
    logins: { type: 'string', default: 'both' },
    /** A folder for CPU profiles of the service. Profiling slows the service. */
    profile: { type: 'string' },
    /** A file for the figures, as JSON. */
    out: { type: 'string' },
    /** A file that `out` has written, to compare the figures with. */
    compare: { type: 'string' },
  },
});

const { only, logins, profile, out, compare } = values;
if (logins !== 'both' && logins !== 'one') throw new Error('--logins is both or one');

export const options = {
  contacts: Number(values.contacts),
  rounds: Number(values.rounds),
  /** Of load, for each candidate in each round. */
  seconds: Number(values.seconds),
  logins,
  profile,
  out,
  compare,
  isWanted: (group: string) => group.includes(only),
};
export type Options = typeof options;

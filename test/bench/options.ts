import { parseArgs } from 'node:util';
import { z } from 'zod';

const { values } = parseArgs({
  options: {
    contacts: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    /** The groups whose name contains a text of the list, such as `get,create`. */
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

const count = z.coerce.number().int().positive();
const Options = z.object({
  contacts: count,
  rounds: count,
  /** Of load, for each candidate in each round. */
  seconds: count,
  only: z.string(),
  logins: z.enum(['both', 'one']),
  profile: z.string().optional(),
  out: z.string().optional(),
  compare: z.string().optional(),
});
export type Options = z.infer<typeof Options>;

export const options = Options.parse(values);

/** Whether `--only` asks for the group. */
export const isWanted = (group: string, { only }: Options) => only.split(',').some((text) => group.includes(text));

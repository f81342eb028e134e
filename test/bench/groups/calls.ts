import { cost, cpu, type Figure, ratio } from '../figures.ts';
import { type Bench, type Group, measureCalls } from '../group.ts';
import type { Load } from '../load.ts';
import type { Candidates } from '../rounds.ts';
import { authorize, NEW_CONTACT, type Testbed } from '../testbed.ts';

/** The server that a call of the service is compared with. */
interface Peer extends Pick<Load, 'url' | 'headers' | 'body'> {
  name: string;
  pid: number;
}

interface Call extends Pick<Load, 'body'> {
  name: string;
  path: string;
  /** The wanted ratio to the peer. */
  target: number;
}

interface Comparison {
  name: string;
  title: string;
  peer(testbed: Testbed, stack: AsyncDisposableStack): Promise<Peer> | Peer;
  calls(testbed: Testbed): Call[];
}

/** Compares calls of each instance of the service with a peer. */
export const compareCalls = ({ name, title, peer, calls }: Comparison): Group => ({
  name,
  title,
  async open({ options: { seconds }, testbed }: Bench, stack) {
    const bed = await testbed();
    const { name: base, pid, ...request } = await peer(bed, stack);
    const candidates: Candidates = { [base]: () => measureCalls({ ...request, seconds }, pid, bed.postmaster) };
    const figures: Figure[] = [];
    for (const instance of bed.instances) {
      for (const { name: call, path, target, ...rest } of calls(bed)) {
        const candidate = `${call}, ${instance.form}`;
        const load = { ...rest, url: `${instance.url}${path}`, seconds, headers: authorize(bed.large.key) };
        candidates[candidate] = () => measureCalls(load, instance.pid, bed.postmaster);
        figures.push(ratio(`${candidate}: to ${base}`, [candidate, base], target), ...cpu(candidate));
      }
    }
    return { candidates, figures };
  },
});

const onBareServer = (name: string, path: string, body?: unknown) => (testbed: Testbed) => ({
  name,
  pid: testbed.bare.pid,
  url: `${testbed.bare.url}${path}`,
  ...(body !== undefined && { body }),
});

const input = encodeURIComponent(JSON.stringify({ json: { limit: 50 } }));

export const list = compareCalls({
  name: 'list',
  title: 'A list of 50 contacts',
  peer: onBareServer('bare list', '/list'),
  calls: () => [
    { name: 'REST list', path: '/api/contacts', target: 1.4 },
    { name: 'tRPC list', path: `/trpc/contacts.list?input=${input}`, target: 0.9 },
  ],
});

export const current = compareCalls({
  name: 'current',
  title: 'The key of the call',
  peer: onBareServer('bare select by digest', '/key'),
  calls: () => [{ name: 'keys.current', path: '/api/keys/current', target: 0.6 }],
});

export const get = compareCalls({
  name: 'get',
  title: 'A single contact',
  peer: onBareServer('bare select by key', '/get'),
  calls: ({ contactId }) => [{ name: 'contacts.get', path: `/api/contacts/${contactId}`, target: 0.65 }],
});

/** The bare server gets the same request, and inserts the same values without reading the body. */
export const create = compareCalls({
  name: 'create',
  title: 'A new contact',
  peer: onBareServer('bare insert', '/create', NEW_CONTACT),
  calls: () => [{ name: 'contacts.create', path: '/api/contacts', body: NEW_CONTACT, target: 0.7 }],
});

/**
 * A new contact with an idempotency key to one without. Both send a header that varies, as that costs the load's program
 * some time.
 */
export const keyed: Group = {
  name: 'keyed',
  title: 'A new contact with an idempotency key',
  async open({ options: { seconds }, testbed }) {
    const { instances, postmaster, large } = await testbed();
    const candidates: Candidates = {};
    const figures: Figure[] = [];
    for (const { form, url, pid } of instances) {
      const create = (varied: string) => () =>
        measureCalls(
          { url: `${url}/api/contacts`, body: NEW_CONTACT, varied, seconds, headers: authorize(large.key) },
          pid,
          postmaster,
        );
      const names = [`with a key, ${form}`, `without, ${form}`] as const;
      Object.assign(candidates, { [names[1]]: create('X-Unkeyed'), [names[0]]: create('Idempotency-Key') });
      figures.push(cost(`${names[0]}: to ${names[1]}`, [...names], 1.3), ...names.flatMap(cpu));
    }
    return { candidates, figures };
  },
};

/** Answers without the database: what HTTP and the service's way in cost. */
export const bareAnswers: Group = {
  name: 'http',
  title: 'Answers without a query',
  async open({ options: { seconds }, testbed }) {
    const { instances, postmaster } = await testbed();
    const [{ url, pid }] = instances;
    const candidates = {
      '/livez': () => measureCalls({ url: `${url}/livez`, seconds }, pid, postmaster),
      '401 without a key': () => measureCalls({ url: `${url}/api/contacts`, seconds, status: 401 }, pid, postmaster),
    };
    return { candidates, figures: Object.keys(candidates).flatMap(cpu) };
  },
};

import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cpu, ratio } from '../figures.ts';
import { type Group, measureCalls } from '../group.ts';
import { type Environment, startPeer, startService } from '../processes.ts';
import { authorize, NEW_CONTACT, setUp, type Tenant } from '../testbed.ts';

const BATCHES = 20;
const BATCH = 100;

export const embedded: Group = {
  name: 'embedded',
  title: 'A list of 50 contacts, on the embedded database',
  async open({ options: { seconds, profile } }, stack) {
    const directory = await mkdtemp(join(tmpdir(), 'introzy-bench-'));
    stack.defer(() => rm(directory, { recursive: true, force: true }));
    const environment = { DATA_DIR: join(directory, 'data') };
    const tenant = await setUp('Example', environment);
    await fill(environment, tenant);
    // PGlite serves a single process: the peer works on a copy.
    const copy = join(directory, 'copy');
    await cp(join(environment.DATA_DIR, 'database'), copy, { recursive: true });

    const peer = await startPeer(stack, 'barePglite.ts', [copy, tenant.organizationId]);
    const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    const service = await startService(stack, environment, flags);
    const load = { url: `${service.url}/api/contacts`, seconds, headers: authorize(tenant.key) };
    const candidates = {
      'bare PGlite': () => measureCalls({ url: `${peer.url}/list`, seconds }, peer.pid),
      'REST list, embedded': () => measureCalls(load, service.pid),
    };
    const figure = ratio('REST list, embedded: to bare PGlite', ['REST list, embedded', 'bare PGlite'], 0.85);
    return { candidates, figures: [figure, ...cpu('REST list, embedded')] };
  },
};

/** Makes contacts through the service, which has ended when the promise is fulfilled. */
async function fill(environment: Environment, { key }: Tenant) {
  await using stack = new AsyncDisposableStack();
  const { url } = await startService(stack, environment);
  for (let batch = 0; batch < BATCHES; batch++) {
    const contacts = Array.from({ length: BATCH }, (_, index) => {
      const number = batch * BATCH + index;
      return {
        ...NEW_CONTACT,
        email: `person${number}@example.com`,
        linkedinUrl: `${NEW_CONTACT.linkedinUrl}-${number}`,
      };
    });
    const response = await fetch(`${url}/api/contacts/batch`, {
      method: 'POST',
      headers: { ...authorize(key), 'Content-Type': 'application/json' },
      body: JSON.stringify({ contacts }),
    });
    if (!response.ok) throw new Error(await response.text());
  }
}

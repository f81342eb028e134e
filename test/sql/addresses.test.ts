import fc from 'fast-check';
import { sql } from 'kysely';
import { expect, test } from 'vitest';
import { CidrBlock, canonicalAddress } from '../../shared/addresses.ts';
import { testApp } from '../helpers/testApp.ts';

test('A block and an address are written as PostgreSQL writes them', async () => {
  await using app = await testApp();
  const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.constantFrom(1, 0xffff), fc.nat(0xffff));
  const v6 = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.map((each) => each.toString(16)));
  const host = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    v6.map((groups) => groups.join(':')),
  );
  const written = fc.sample(fc.tuple(host, fc.nat(128)), { numRuns: 3_000, seed: 1 });
  const blocks = written.flatMap(([address, prefix]) => {
    const given = `${address}/${address.includes(':') ? prefix : prefix % 33}`;
    const { success, data, error } = CidrBlock.safeParse(given);
    // Of a block that is refused, the block that the message proposes.
    const block = success ? data : /write (\S+),/.exec(error.message)?.[1];
    return block === undefined ? [] : [block];
  });
  const addresses = written.map(([address]) => canonicalAddress(address) as string);
  expect([blocks.length, addresses.includes(undefined as never)]).toEqual([3_000, false]);
  const { rows } = await sql<{ blocks: string[]; addresses: string[] }>`
    select array(select block::cidr::text from unnest(${blocks}::text[]) as block) as blocks,
      array(select host(address::inet) from unnest(${addresses}::text[]) as address) as addresses`.execute(app.db.root);
  expect(rows[0]?.blocks).toEqual(blocks);
  expect(rows[0]?.addresses).toEqual(addresses);
});

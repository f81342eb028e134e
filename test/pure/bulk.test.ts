import { expect, test } from 'vitest';
import { createBulk } from '../../server/procedures/bulk.ts';

test('An organization’s work in bulk is done one after the other, of three organizations at once, and ten wait at most', async () => {
  const inBulk = createBulk();
  const running: string[] = [];
  const seen: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => async () => {
    running.push(name);
    seen.push(running.toSorted().join(' '));
    await new Promise<void>((resolve) => ends.push(resolve));
    running.splice(running.indexOf(name), 1);
    return name;
  };
  const first = Array.from({ length: 10 }, (_, n) => inBulk('a', work(`a${n}`)));
  await expect(inBulk('a', work('refused'))).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
  const others = ['b', 'c', 'd'].map((name) => inBulk(name, work(name)));
  const all = Promise.all([...first, ...others]);
  for (let done = 0; done < 13; ) {
    await new Promise(setImmediate);
    expect(running.length).toBeLessThanOrEqual(3);
    expect(running.filter((name) => name.startsWith('a')).length).toBeLessThanOrEqual(1);
    const end = ends.shift();
    if (end) {
      end();
      done += 1;
    }
  }
  expect(await all).toEqual([...Array.from({ length: 10 }, (_, n) => `a${n}`), 'b', 'c', 'd']);
  expect(seen[2]).toBe('a0 b c');
  const failing = inBulk('a', () => Promise.reject(new Error('failed')));
  await expect(failing).rejects.toThrow('failed');
  expect(await inBulk('a', async () => 'goes on')).toBe('goes on');
});

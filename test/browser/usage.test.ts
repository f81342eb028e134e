import { expect, test } from 'vitest';
import { asOperator } from '../../db/admission.ts';
import { type KeyCalls, recordKeyUses } from '../../db/keyUse.ts';
import { addMember } from '../helpers/browser.ts';
import { findBarriers, isTooWide, openDashboard, settled } from '../helpers/chromium.ts';
import { runAsAdmin } from '../helpers/tables.ts';
import { type TestApp, testApp } from '../helpers/testApp.ts';

const PATIENCE = { timeout: 240_000 };
const DAY = 86_400_000;

/** Records calls of a key, some days ago. */
const record = (app: TestApp, { daysAgo = 0, ...calls }: { keyId: string; daysAgo?: number } & Partial<KeyCalls>) =>
  recordKeyUses(asOperator(app.db, app.one.id), {
    organizationId: app.one.id,
    uses: [],
    calls: [{ ok: 0, clientError: 0, limited: 0, failed: 0, millisecondsAgo: daysAgo * DAY, ...calls }],
  });

test.each([
  ['light', 1280],
  ['dark', 360],
] as const)(
  'The page of a key shows its calls by day and outcome: %s, %i pixels',
  PATIENCE,
  async (colorScheme, width) => {
    await using app = await testApp();
    const owner = await addMember(app, app.one.id, 'owner');
    const { id: keyId } = (await app.issue(app.one.id, { name: 'Counted' })).apiKey;
    await record(app, { keyId, ok: 12_000, clientError: 30, limited: 4, failed: 1 });
    await record(app, { keyId, ok: 345, daysAgo: 2 });
    await record(app, { keyId, failed: 2, daysAgo: 89 });
    await record(app, { keyId, ok: 5_000, daysAgo: 90 });
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit({ colorScheme, viewport: { width, height: 800 } });
    await dashboard.enter(page, { email: owner.email, at: `/settings/api-keys/${keyId}` });
    const section = page.locator('section').filter({ hasText: 'Calls in the last 90 days' });
    const totals = section.locator('dl > div');
    await totals.first().waitFor();
    const read = (await totals.allInnerTexts()).map((text) => text.trim().split(/\s*\n\s*/));
    expect(read).toEqual([
      ['In all', '12,382'],
      ['Answered', '12,345'],
      ['Refused', '30'],
      ['Over a rate', '4'],
      ['Failed', '3'],
    ]);
    const chart = section.getByRole('img', { name: 'Calls a day; at most 12,035 on a day' });
    expect(await chart.locator('g').count()).toBe(3);
    const said = await chart.locator('title').allTextContents();
    expect(said[2]).toMatch(/^\w{3} \d+, \d{4}: 12,000 answered, 30 refused, 4 over a rate, 1 failed$/);
    // The first and the last day stand at the ends; the smallest count can be seen; no bar is higher than the chart.
    const frame = (await chart.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    // The outcomes have colours of their own, which the totals explain.
    const explained = await section
      .locator('dl span:has(> span)')
      .evaluateAll((marks) => marks.map((mark) => getComputedStyle(mark).color));
    expect(new Set(explained).size).toBe(4);
    const drawn = await chart
      .locator('g')
      .last()
      .locator('rect[class]')
      .evaluateAll((rects) => rects.map((rect) => getComputedStyle(rect).fill));
    expect(drawn).toEqual(explained);
    const bars = await chart.locator('rect[class]').evaluateAll((rects) =>
      rects.map((rect) => {
        const { left, right, top, height } = rect.getBoundingClientRect();
        return { left, right, top, height };
      }),
    );
    expect(bars).toHaveLength(6);
    expect(bars[0]?.left).toBeLessThan(frame.x + frame.width / 60);
    expect(bars.at(-1)?.right).toBeGreaterThan(frame.x + frame.width * (59 / 60));
    for (const { top, height } of bars) {
      expect(height).toBeGreaterThan(2);
      expect(top).toBeGreaterThan(frame.y - 1);
    }

    await section.getByRole('button', { name: 'Show the days as a table' }).click();
    const rows = section.getByRole('table', { name: 'Calls by day' }).getByRole('row');
    await rows.nth(3).waitFor();
    const cells = (await rows.allInnerTexts()).map((row) => row.split('\t').map((cell) => cell.trim()));
    expect(cells[0]).toEqual(['Day (UTC)', 'Answered', 'Refused', 'Over a rate', 'Failed']);
    expect(cells.slice(1).map(([, ...counts]) => counts)).toEqual([
      ['12,000', '30', '4', '1'],
      ['345', '0', '0', '0'],
      ['0', '0', '0', '2'],
    ]);
    await settled(page);
    expect(await findBarriers(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
  },
);

test(
  'The table of keys has the calls of each key, by one request, and marks failed and limited ones',
  PATIENCE,
  async () => {
    await using app = await testApp({ isAlone: true });
    const owner = await addMember(app, app.one.id, 'owner');
    const ids: Record<string, string> = {};
    for (const name of ['Busy', 'Quiet', 'Unused', 'Forgotten']) {
      ids[name] = (await app.issue(app.one.id, { name })).apiKey.id;
    }
    const [busy, quiet, unused, forgotten] = Object.values(ids) as [string, string, string, string];
    await record(app, { keyId: busy, ok: 1_000, limited: 20, failed: 3 });
    await record(app, { keyId: quiet, ok: 7, clientError: 2 });
    // A use from before calls were counted, of a key that is active no more.
    await runAsAdmin(app, `update api_keys set last_used_at = now(), revoked_at = now() where id = '${forgotten}'`);
    await runAsAdmin(app, `update api_keys set revoked_at = now() where id = '${unused}'`);
    await using dashboard = await openDashboard(app);
    const page = await dashboard.visit();
    const asked: string[] = [];
    page.on('request', (request) => {
      if (request.url().includes('keys.usage')) asked.push(request.url());
    });
    await dashboard.enter(page, { email: owner.email, at: '/settings/api-keys?state=all' });
    await page.getByText('1,023').waitFor();
    await settled(page);
    expect(asked).toHaveLength(1);
    const headings = (await page.getByRole('columnheader').allInnerTexts()).map((text) => text.trim());
    const callsOf = async (name: string) => {
      const row = page.getByRole('row').filter({ has: page.getByRole('link', { name, exact: true }) });
      const text = await row.getByRole('cell').nth(headings.indexOf('Calls, 90 days')).innerText();
      return text.trim().split(/\s*\n\s*/);
    };
    expect(await callsOf('Busy')).toEqual(['1,023', '3 failed', '20 over a rate']);
    expect(await callsOf('Quiet')).toEqual(['9']);
    expect(await callsOf('Unused')).toEqual(['0']);
    expect(await callsOf('Forgotten')).toEqual(['Not known']);
    await page.getByRole('columnheader', { name: 'Calls' }).getByRole('button').click();
    expect((await page.getByRole('table').getByRole('link').allInnerTexts()).slice(0, 2)).toEqual(['Busy', 'Quiet']);

    // Without an answer the rest of the table is there.
    await page.route(/keys\.usage/, (route) => route.abort());
    await page.reload();
    await page.getByRole('link', { name: 'Busy' }).waitFor();
    await expect.poll(() => callsOf('Busy'), { timeout: 20_000 }).toEqual(['Not known']);
    await page.unroute(/keys\.usage/);

    await page.goto(`/settings/api-keys/${unused}`);
    await page.getByText(/^No call since \w{3} \d+, \d{4}\./).waitFor();
  },
);

import { expect, test } from 'vitest';
import { z } from 'zod';
import { MailAddress, Name, SoughtName } from '../../shared/names.ts';

const refusal = (name: string) => Name.safeParse(name).error?.issues[0]?.message;

test('A name has a visible character', () => {
  const blank = ['\u200B', '\u200D\u200C', '\u3164', '\u2800 \u2800', '\u00AD', '\u115F\u1160', '\u2060', '\u0301'];
  const marks = ['\u200E', '\u200F', '\u061C', '\u{E0020}', '\u200E \u200F'];
  for (const name of [...blank, ...marks]) expect(refusal(name), JSON.stringify(name)).toMatch(/visible character/);
  for (const name of ['', '   ', '\uFEFF', '\u00A0\u3000']) expect(refusal(name)).toMatch(/1 to 100/);
  for (const name of ['x', ' Ada ', '\u200Bx', 'Zoë', '李', '👩‍💻', 'محمد', '東京 株式会社', 'می‌خواهم', '7', '&']) {
    expect(Name.parse(name), name).toBe(name.trim());
  }
});

test('A name is on a single line, without controls, and does not turn the direction of text', () => {
  const controls = ['\n', '\r\n', '\t', '\v', '\u001B', '\u007F', '\u0085', '\u009B', '\u2028', '\u2029'];
  for (const control of controls) {
    expect(refusal(`A${control}B`), JSON.stringify(control)).toMatch(/single line/);
    expect(SoughtName.safeParse(`A${control}B`).success, JSON.stringify(control)).toBe(false);
  }
  expect(refusal('A\0B')).toMatch(/NUL/);
  for (const code of [0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069]) {
    const turn = String.fromCodePoint(code);
    for (const name of [`A${turn}B`, `${turn}A`, `A${turn}`]) expect(refusal(name)).toMatch(/direction of the text/);
  }
});

test('A name is trimmed before it is looked at, and may have the marks of Hebrew and Arabic inside', () => {
  for (const name of [' \t Zapier \n', 'Zapier\r\n', '\u2028Zapier\u2029', 'Zapier\u0085'])
    expect(Name.parse(name)).toBe('Zapier');
  expect(refusal('\u001BZapier')).toMatch(/single line/);
  for (const name of ['שלום\u200F!', 'C\u200E#', 'أ\u061Cب']) expect(Name.parse(name)).toBe(name);
});

test('An address is what a mail server would take', () => {
  const taken = ['ada@example.com', 'a.b+c@sub.example.co', "o'hara@example.com", 'a@xn--exmple-cua.com'];
  const long = `${'a'.repeat(64)}@${'b'.repeat(63)}.com`;
  for (const address of [...taken, long]) {
    expect(MailAddress.parse(address), address).toBe(address);
    // Else nobody could sign in with the address: better-auth judges by Zod's rule.
    expect(z.email().safeParse(address).success, address).toBe(true);
  }
  expect(MailAddress.parse(' Ada@Example.com ')).toBe('ada@example.com');
  const refused = [
    ...['x<y@z.example', 'x<y@z.w', 'Ada <ada@example.com>', 'a@b', 'a@localhost', 'a@b@example.com', '@example.com'],
    ...['a@', 'a b@example.com', '.a@example.com', 'a.@example.com', 'a..b@example.com', 'a@-example.com', 'ada', ''],
    ...['a@example-.com', 'a@example..com', 'a@example.com.', 'a@192.0.2.1', 'a@[192.0.2.1]', 'a@[IPv6:::1]'],
    ...['a,b@example.com', 'a;b@example.com', '"a"@example.com', 'a:b@example.com', 'a(b)@example.com'],
    ...['a@example.com\nBcc: b@example.com', 'a\u202E@example.com', 'a\u200B@example.com', 'a@exam_ple.com'],
    ...[`${'a'.repeat(65)}@example.com`, `a@${'a'.repeat(64)}.com`, `a@${'abc.'.repeat(63)}com`],
  ];
  for (const address of refused) expect(MailAddress.safeParse(address).success, address).toBe(false);
});

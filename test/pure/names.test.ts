import { expect, test } from 'vitest';
import { MailAddress, nameLine } from '../../shared/text.ts';

const Name = nameLine(100);
const refusal = (name: string) => Name.safeParse(name).error?.issues[0]?.message;

test('A name has a visible character', () => {
  const blank = [
    '\u200B',
    '\u200D\u200C',
    '\u3164',
    '\u2800 \u2800',
    '\u00AD',
    '\uFEFF',
    '\u115F\u1160',
    '\u2060',
    '\u0301',
    '\u{E0020}',
  ];
  for (const name of blank) expect(refusal(name), name).toMatch(/visible character|1 to 100/);
  expect(refusal('')).toMatch(/1 to 100/);
  expect(refusal('   ')).toMatch(/1 to 100/);
  for (const name of ['x', ' Ada ', '\u200Bx', 'Zoë', '李', '👩‍💻', 'محمد', '東京 株式会社', 'می‌خواهم', '7', '&']) {
    expect(Name.parse(name), name).toBe(name.trim());
  }
});

test('A name is on a single line, without controls, and does not turn the direction of text', () => {
  const controls = ['\n', '\r\n', '\t', '\0', '\u001B', '\u007F', '\u0085', '\u009B', '\u2028', '\u2029'];
  const directions = [0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069];
  for (const control of controls) {
    expect(refusal(`A${control}B`), JSON.stringify(control)).toBeDefined();
    expect(refusal(`A${control}`), JSON.stringify(control)).toBeDefined();
  }
  for (const code of directions) expect(refusal(`A${String.fromCodePoint(code)}B`)).toMatch(/direction of text/);
});

test('An address is what a mail server would take', () => {
  const taken = [
    'ada@example.com',
    'a.b+c@sub.example.co',
    "o'hara@example.com",
    'zoë@exämple.com',
    'a@xn--exmple-cua.com',
  ];
  for (const address of taken) expect(MailAddress.parse(address), address).toBe(address);
  expect(MailAddress.parse(' Ada@Example.com ')).toBe('ada@example.com');
  const refused = [
    ...['x<y@z.example', 'Ada <ada@example.com>', 'a@b', 'a@b@example.com', '@example.com', 'a@', 'a b@example.com'],
    ...['.a@example.com', 'a.@example.com', 'a..b@example.com', 'a@-example.com', 'a@example-.com', 'a@example..com'],
    ...['a@example.com.', 'a@192.0.2.1', 'a@[192.0.2.1]', 'a,b@example.com', 'a;b@example.com', '"a"@example.com'],
    ...[
      'a@example.com\nBcc: b@example.com',
      'a\u202E@example.com',
      'a\u200B@example.com',
      'a@exam_ple.com',
      'a:b@example.com',
    ],
    ...[`${'a'.repeat(65)}@example.com`, `a@${'a'.repeat(64)}.com`, `a@${'abc.'.repeat(64)}com`, 'a(b)@example.com'],
  ];
  for (const address of refused) expect(MailAddress.safeParse(address).success, address).toBe(false);
});

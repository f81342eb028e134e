/** A contact before a change. A contact of each cell has an email of its own. */
export const BEFORE = {
  name: 'Ada',
  phone: '+44 1',
  otherPhones: ['+44 20 7946 0959'],
  company: 'Acme',
  title: 'Dr',
  location: 'London',
  linkedinUrl: 'https://www.linkedin.com/in/ada',
  notes: 'Line one\nline two',
  tags: ['friend'],
  customFields: { plan: 'pro', deep: { a: 1, b: { c: 2 } }, list: [1, null] },
};
type Field = keyof typeof BEFORE | 'otherEmails';

/** What becomes of a value: the field's value, or the refusal, with its place within the field. */
export type Fate = { kept: unknown } | { refused: RegExp; at?: (string | number)[] };
export interface Cell {
  field: Field;
  /** JSON text. */
  value: string;
  created: Fate;
  /** In an update, and in an upsert of a contact that is there. */
  changed: Fate;
  merged: Fate;
}

const kept = (value: unknown): Fate => ({ kept: value });
const refused = (reason: RegExp, at: (string | number)[] = []): Fate => ({ refused: reason, at });
const cell = (field: Field, value: string, fates: Fate[]): Cell => {
  const [created = kept(undefined), changed = created, merged = changed] = fates;
  return { field, value, created, changed, merged };
};

const TEXTS = ['phone', 'company', 'title', 'location', 'linkedinUrl', 'notes'] as const;
const LINES = ['phone', 'company', 'title', 'location'] as const;
const json = (text: string) => JSON.stringify(text);

const texts: Cell[] = TEXTS.flatMap((field) => [
  ...['null', '""', '" \\t "', json('\u00a0\u3000\u0085\ufeff')].map((value) =>
    cell(field, value, [kept(null), kept(null), kept(BEFORE[field])]),
  ),
  cell(field, '5', [refused(/^Must be text$/)]),
  cell(field, '{}', [refused(/^Must be text$/)]),
  cell(field, json('a\u0007b'), [refused(/control characters|http/)]),
  cell(field, '"a\\u0000b"', [refused(/NUL/)]),
  cell(field, '"\\ud800"', [refused(/surrogates/)]),
  cell(field, json(`a\u202eb`), [refused(/direction of the text|http/)]),
  cell(field, json('x'.repeat(50_001)), [refused(/^Must be at most [\d]+ characters$/)]),
]);
const lines: Cell[] = LINES.flatMap((field) => [
  cell(field, '"  Trimmed\\u0085\\n"', [kept('Trimmed')]),
  cell(field, '"two\\nlines"', [refused(/single line/)]),
  cell(field, json('می\u200cخواهم 👩\u200d💻 \u200fא'), [kept('می\u200cخواهم 👩\u200d💻 \u200fא')]),
  cell(field, json('\u2067a'), [refused(/direction of the text/)]),
]);
const others: Cell[] = [
  cell('notes', '"\\n  one\\r\\n\\ttwo\\n"', [kept('one\r\n\ttwo')]),
  cell('notes', json('a\u001bb'), [refused(/line breaks and tabs/)]),
  cell('linkedinUrl', '" https://www.linkedin.com/in/bob "', [kept('https://www.linkedin.com/in/bob')]),
  cell('linkedinUrl', '"linkedin.com/in/bob"', [refused(/http/)]),
];

const names: Cell[] = [
  cell('name', 'null', [refused(/^Must be text, not null$/), refused(/^Must be text, not null$/), kept('Ada')]),
  ...['""', '"  "', json('\u0085')].map((value) =>
    cell('name', value, [refused(/^Must be 1 to 500/), refused(/^Must be 1 to 500/), kept('Ada')]),
  ),
  ...['\u200b', '\u3164', '\u2800 \u2800', '\u0301', '\u200e\u00ad'].map((name) =>
    cell('name', json(name), [refused(/visible character/)]),
  ),
  cell('name', '" Zoë "', [kept('Zoë')]),
  cell('name', '"a\\nb"', [refused(/single line/)]),
  cell('name', json('\u202eevil'), [refused(/direction of the text/)]),
  cell('name', 'true', [refused(/^Must be text$/)]),
];

const tags: Cell[] = [
  cell('tags', 'null', [kept([]), kept([]), kept(['friend'])]),
  cell('tags', '[]', [kept([]), kept([]), kept(['friend'])]),
  cell('tags', '[" new "]', [kept(['new']), kept(['new']), kept(['friend', 'new'])]),
  cell('tags', '"friend"', [refused(/^Must be a list$/)]),
  cell('tags', '["a",""]', [refused(/^Must be 1 to 100/, [1])]),
  cell('tags', '[null]', [refused(/^Must be text, not null$/, [0])]),
  cell('tags', '["a\\nb"]', [refused(/single line/, [0])]),
  cell('tags', '["\\u202aa"]', [refused(/direction/, [0])]),
];

const { otherPhones } = BEFORE;
const otherAddresses: Cell[] = [
  ...['null', '[]'].flatMap((value) => [
    cell('otherEmails', value, [kept([])]),
    cell('otherPhones', value, [kept([]), kept([]), kept(otherPhones)]),
  ]),
  cell('otherPhones', '[" 020 7946 0958 ","+44 20 7946 0958"]', [
    kept(['020 7946 0958']),
    kept(['020 7946 0958']),
    kept([...otherPhones, '020 7946 0958']),
  ]),
  // A phone of the contact is kept once, and as it was written first.
  cell('otherPhones', '["+44-1","0044 20 79460959"]', [
    kept(['+44-1', '0044 20 79460959']),
    kept(['0044 20 79460959']),
    kept(otherPhones),
  ]),
  cell('otherEmails', '["not an address"]', [refused(/^Not an email address$/, [0])]),
  ...(['otherEmails', 'otherPhones'] as const).flatMap((field) => [
    cell(field, '5', [refused(/^Must be a list$/)]),
    cell(field, '{}', [refused(/^Must be a list$/)]),
    cell(field, '[null]', [refused(/^Must be text, not null$/, [0])]),
    cell(field, '["  "]', [refused(/^(Not an email address|Must be 1 to 100 characters)$/, [0])]),
    cell(field, '["a@b\\u0007"]', [refused(/control characters/, [0])]),
    cell(field, '["a@b\\nc"]', [refused(/single line|Not an email/, [0])]),
    cell(field, '["a@b\\u202e"]', [refused(/direction of the text/, [0])]),
    cell(field, '["a@b\\ud800"]', [refused(/surrogates/, [0])]),
    cell(field, JSON.stringify(Array.from({ length: 21 }, (_, index) => `${index}@b`)), [
      refused(/^Must be at most 20$/),
    ]),
  ]),
];

const { customFields } = BEFORE;
const patch = (value: string, created: unknown, changed: object, merged: object = changed) =>
  cell('customFields', value, [
    kept(created),
    kept({ ...customFields, ...changed }),
    kept({ ...customFields, ...merged }),
  ]);
const { plan: _, ...withoutPlan } = customFields;
const custom: Cell[] = [
  cell('customFields', 'null', [refused(/JSON object/), refused(/JSON object/), kept(customFields)]),
  cell('customFields', '[]', [refused(/JSON object/)]),
  cell('customFields', '{}', [kept({}), kept(customFields)]),
  cell('customFields', '{"plan":null}', [kept({}), kept(withoutPlan), kept(customFields)]),
  patch('{"plan":""}', { plan: '' }, { plan: '' }, {}),
  patch('{"more":" x "}', { more: ' x ' }, { more: ' x ' }),
  patch(
    '{"deep":{"a":null,"b":{"c":"","d":3}}}',
    { deep: { b: { c: '', d: 3 } } },
    { deep: { b: { c: '', d: 3 } } },
    { deep: { a: 1, b: { c: 2, d: 3 } } },
  ),
  patch('{"plan":{"x":null}}', { plan: {} }, { plan: {} }, {}),
  patch('{"list":[null,"",{"a":null}]}', { list: [null, '', { a: null }] }, { list: [null, '', { a: null }] }),
  cell('customFields', '{"x":{"a\\nb":1}}', [refused(/single line/, ['x', 'a\nb'])]),
  cell('customFields', '{"x":["a\\u202eb"]}', [refused(/direction/, ['x', 0])]),
  cell('customFields', '{"x":"a\\u0007b"}', [refused(/control characters/, ['x'])]),
  patch('{"x":"two\\n\\tlines"}', { x: 'two\n\tlines' }, { x: 'two\n\tlines' }),
];

const EXACT = [
  '0.1',
  '1.0',
  '1e3',
  '1E+2',
  '-0',
  '100000000000000000000',
  '9007199254740992',
  '5e-324',
  '0.30000000000000004',
];
const INEXACT = [
  '9007199254740993',
  '-9007199254740993',
  '12345678901234567890',
  '1e-400',
  '1e400',
  '4.9e-324',
  '0.1000000000000000055511151231257827',
];
const numbers: Cell[] = [
  ...EXACT.map((literal) => patch(`{"n":${literal}}`, { n: Number(literal) + 0 }, { n: Number(literal) + 0 })),
  ...INEXACT.flatMap((literal) => [
    cell('customFields', `{"n":${literal}}`, [refused(/kept exactly.*as text/, ['n'])]),
    cell('customFields', `{"a":[{"b":[1,${literal}]}]}`, [refused(/kept exactly/, ['a', 0, 'b', 1])]),
    patch(`{"n":"${literal}"}`, { n: literal }, { n: literal }),
  ]),
];

/** Every value whose fate a caller may wonder about. */
export const CELLS: readonly Cell[] = [
  ...texts,
  ...lines,
  ...others,
  ...names,
  ...tags,
  ...otherAddresses,
  ...custom,
  ...numbers,
];

import parsePhone from 'libphonenumber-js/core';
import metadata from 'libphonenumber-js/metadata.min.json';
import { withAsciiDigits } from './fold.ts';

/** The digits that decide where a phone has no country code. */
const COMPARED = 9;
/** A phone of fewer digits is a short number, such as 112 or 0800: zeros before its other digits count. */
const LEAST_WITH_TRUNK = 7;

/** `ext. 5`, `x5`, `#5`, `;ext=5`, `доб. 5` at the end of a phone. */
const EXTENSION = /[\s,;(]*(?:ext(?:n|ension)?|x|#|доб)[\s.:=]*(\d{1,9})[\s)]*$/iu;
const SCHEME = /^\s*tel:/i;
const NOT_WRITTEN = /\p{Default_Ignorable_Code_Point}+/gu;
/** A country code is behind `+` or `00`, perhaps in brackets: `+44`, `0044`, `(+44)`, `+0044`. */
const COUNTRY_CODE = /^[\s(]*(?:\++\s*(?:00)?|00)(?=[\s(]*[1-9])/;

interface Phone {
  /** E.164, `+442079460958`; `undefined` for a phone without a country code that is known. */
  e164: string | undefined;
  /** The digits by which the phone is compared with phones without a country code. */
  endings: string[];
  extension: string;
}

function readPhone(written: string): Phone {
  const text = withAsciiDigits(written.replace(NOT_WRITTEN, '')).replace(SCHEME, '');
  const [ending = '', extension = ''] = EXTENSION.exec(text) ?? [];
  // RFC 3966 has parameters behind a semicolon: `tel:+44-20-7946-0958;phone-context=example.com`.
  const number = text.slice(0, text.length - ending.length).replace(/;[a-z-]+=.*$/i, '');
  const international = COUNTRY_CODE.test(number) ? parsePhone(number.replace(COUNTRY_CODE, '+'), metadata) : undefined;
  const digits = international ? international.number.slice(1) : number.replace(/[^0-9]+/g, '');
  const national = international?.nationalNumber ?? digits;
  const endings = [digits.slice(-COMPARED)];
  // Within the country a zero may stand before the number, and no country code does: `+43 1 58858`, `01 58858`.
  if (national.length <= COMPARED) {
    endings.push(national, ...(national.length >= LEAST_WITH_TRUNK ? [national.replace(/^0+/, '')] : []));
  }
  return { e164: international?.number, endings: [...new Set(endings)].filter(Boolean), extension };
}

const storedKeys = ({ e164, endings }: Phone) =>
  e164 === undefined ? endings.map((each) => `n:${each}`) : [e164, ...endings.map((each) => `i:${each}`)];

const soughtKeys = ({ e164, endings }: Phone) =>
  e164 === undefined
    ? endings.flatMap((each) => [`n:${each}`, `i:${each}`])
    : [e164, ...endings.map((each) => `n:${each}`)];

/**
 * The keys of a stored phone. Two phones are the same where `soughtPhoneKeys` of the first has any of `phoneKeys` of the
 * second: where both have a country code, the E.164 decides; else the last nine digits. A phone of fewer digits equals
 * only a phone of the same digits, but for a zero before a number of its country. An extension is not compared. A text
 * without digits has no key, and equals no phone. A change of this function is a change of `CONTACT_FORM`.
 */
export const phoneKeys = (written: string): string[] => storedKeys(readPhone(written));

/** The keys by which a phone is sought, in whatever form the phone is written. */
export const soughtPhoneKeys = (asked: string): string[] => soughtKeys(readPhone(asked));

/** The phones without those that an earlier phone equals. Phones of different extensions are different here. */
export function onceEachPhone(written: readonly string[]): string[] {
  const kept: { text: string; phone: Phone }[] = [];
  for (const text of written) {
    const phone = readPhone(text);
    const keys = new Set(soughtKeys(phone));
    const isKnown = kept.some(
      (other) =>
        other.text === text ||
        (other.phone.extension === phone.extension && storedKeys(other.phone).some((key) => keys.has(key))),
    );
    if (!isKnown) kept.push({ text, phone });
  }
  return kept.map(({ text }) => text);
}

/**
 * Private keys in textual encoding (RFC 7468, section 10; RFC 4880, section 6.2 for PGP):
 *
 *     -----BEGIN [TYPE ]PRIVATE KEY[ BLOCK]-----
 *     base64 lines, with header fields before them in older forms
 *     -----END [TYPE ]PRIVATE KEY[ BLOCK]-----
 *
 * Of one whose end isn't there the base64 is taken as far as it goes.
 */
import { alphabet, Next, Stretch } from '../alphabet.ts';
import type { Rule } from '../rule.ts';

const BEGIN = '-----BEGIN';
const END = '-----END ';
const LABEL = /^ [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
const LABEL_CHARS_MAX = 64;
/** An RSA key of 16,384 bits has 12,700. */
const KEY_CHARS_MAX = 32_768;
const BODY = alphabet('A-Za-z0-9+/=\n\r\t ');

export const privateKey: Rule = {
  name: 'private_key',
  keywords: [BEGIN],
  anyCase: false,
  finder: (text) => {
    const bodies = new Stretch(text, BODY);
    const ends = new Next(text, END);
    const dashes = new Next(text, '-----');
    return (at) => {
      const labelAt = at + BEGIN.length;
      const label = LABEL.exec(text.slice(labelAt, labelAt + LABEL_CHARS_MAX));
      if (label === null) return null;
      const from = labelAt + label[0].length;
      const close = ends.from(from);
      if (close - from > KEY_CHARS_MAX) return { start: at, end: bodies.endFrom(from) };
      const behind = close + END.length;
      const last = dashes.from(behind);
      return { start: at, end: last - behind > LABEL_CHARS_MAX ? behind : last + 5 };
    };
  },
};

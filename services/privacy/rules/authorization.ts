/** Credentials as HTTP carries them (RFC 9110, section 11.4; RFC 6750, section 2.1), quoted in a text: `Authorization: Bearer …`. */
import { B64TOKEN, isMixed, Stretch } from '../alphabet.ts';
import type { Rule } from '../rule.ts';
import { isPlaceholder } from './example.ts';

const TOKEN_MIN = 16;
/** `user:` and a password of three letters, in base64. */
const VALUE_MIN = 8;
const VALUE_AT =
  /^["'`]?\]?[ \t]{0,8}(?:=>|[:=,])[ \t]{0,8}["'`]?(?:(?:basic|bearer|token|apikey|api-key|key)[ \t]{1,8})?/i;
const LEAD_CHARS_MAX = 48;
/** No more of a value is judged. */
const VALUE_CHARS_MAX = 512;

export const bearer: Rule = {
  name: 'bearer_token',
  keywords: ['bearer '],
  anyCase: true,
  finder: (text) => {
    const tokens = new Stretch(text, B64TOKEN);
    return (at, keywordLength) => {
      const start = at + keywordLength;
      const end = tokens.endFrom(start);
      const value = text.slice(start, Math.min(end, start + VALUE_CHARS_MAX));
      return value.length < TOKEN_MIN || !isMixed(value) || isPlaceholder(value) ? null : { start, end };
    };
  },
};

export const authorization: Rule = {
  name: 'authorization',
  keywords: ['authorization'],
  anyCase: true,
  finder: (text) => {
    const tokens = new Stretch(text, B64TOKEN);
    return (at, keywordLength) => {
      const behind = at + keywordLength;
      const lead = VALUE_AT.exec(text.slice(behind, behind + LEAD_CHARS_MAX));
      if (lead === null) return null;
      const start = behind + lead[0].length;
      const end = tokens.endFrom(start);
      const value = text.slice(start, Math.min(end, start + VALUE_CHARS_MAX));
      const isWord = !isMixed(value) && !/[a-z][A-Z]/.test(value);
      return value.length < VALUE_MIN || isWord || isPlaceholder(value) ? null : { start, end };
    };
  },
};

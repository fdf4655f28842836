/**
 * JSON Web Tokens (RFC 7519, section 3; RFC 7515, section 7.1): `base64url(JSON) . base64url(JSON) . base64url(signature)`. JSON objects
 * begin with `{"`, which is `eyJ` in base64.
 */
import { Stretch, WORD } from '../alphabet.ts';
import type { Rule } from '../rule.ts';

const DOT = '.';
const HEADER_MIN = 12;
const PAYLOAD_MIN = 8;

export const jwt: Rule = {
  name: 'jwt',
  keywords: ['eyJ'],
  anyCase: false,
  finder: (text) => {
    const headers = new Stretch(text, WORD);
    const payloads = new Stretch(text, WORD);
    const signatures = new Stretch(text, WORD);
    return (at) => {
      const header = headers.endFrom(at);
      if (header - at < HEADER_MIN || text[header] !== DOT) return null;
      const payload = payloads.endFrom(header + 1);
      // An encrypted one has five parts, of which the second may be empty.
      if (text[payload] !== DOT && payload - header - 1 < PAYLOAD_MIN) return null;
      let end = payload;
      for (let parts = 2; parts < 5 && text[end] === DOT; parts++) end = signatures.endFrom(end + 1);
      return end - at < HEADER_MIN + PAYLOAD_MIN ? null : { start: at, end };
    };
  },
};

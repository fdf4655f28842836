/** The password in a URL's user information (RFC 3986, section 3.2.1) and in connection strings: `scheme://user:password@host`. */
import { alphabet, isOf } from '../alphabet.ts';
import type { Rule } from '../rule.ts';
import { isPlaceholder } from './example.ts';

/** What a client may write there, more than the RFC allows: all that doesn't end an authority or the text around it. */
const USER_INFO = alphabet("A-Za-z0-9!$%&'()*+,;=:@._~^|-");
const AUTHORITY_CHARS_MAX = 1024;

export const urlPassword: Rule = {
  name: 'url_password',
  keywords: ['://'],
  anyCase: false,
  finder: (text) => (at) => {
    const from = at + 3;
    let colon = -1;
    let sign = -1;
    // No keyword lies within what is read here, so every character is read once.
    for (let i = from; i < text.length && i - from < AUTHORITY_CHARS_MAX && isOf(USER_INFO, text, i); i++) {
      if (text[i] === '@') sign = i;
      else if (colon < 0 && text[i] === ':') colon = i;
    }
    if (colon < 0 || sign <= colon + 1) return null;
    return isPlaceholder(text.slice(colon + 1, sign)) ? null : { start: colon + 1, end: sign };
  },
};

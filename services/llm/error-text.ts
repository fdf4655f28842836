import { cutText } from '../common/text.ts';

/**
 * Error messages that quote a key back ("Incorrect API key provided: sk-…"): the key is taken out, since a credential is
 * never stored. Only for errors, which are rare and short; bodies of calls are content and stay as they are.
 */
const KEYS = /\b(?:sk|pk|rk|gsk|xai|key|AIza|eyJ)[-_A-Za-z0-9.*]{12,}|\bBearer\s+\S+/g;
export const KEY_MARK = '[credential]';

/** At most `charsMax` characters of the text are looked at and returned. */
export function withoutKeys(text: string, charsMax: number): string {
  return cutText(text, charsMax).replace(KEYS, KEY_MARK);
}

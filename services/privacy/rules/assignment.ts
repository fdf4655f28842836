/**
 * Values behind a name that says that they are secret, as configuration files, programs, connection strings, forms and JSON write it:
 *
 *     PASSWORD=…    password: "…"    "api_key": "…"    'client_secret' => '…'    Pwd=…;    &access_token=…
 */
import { alphabet, except, isMixed, isOf, Next, Stretch } from '../alphabet.ts';
import type { Found, Rule } from '../rule.ts';
import { isCode, isPlaceholder } from './example.ts';

export interface AssignmentShape {
  readonly name: string;
  /** In any case; the name may go on behind it. */
  readonly words: readonly string[];
  /** Characters of the value, at least. */
  readonly min: number;
  /** Only a value that has a digit and a letter, and no space: words and code stand there as well. */
  readonly random: boolean;
}

export const ASSIGNMENTS: readonly AssignmentShape[] = [
  { name: 'password', words: ['password', 'passwd', 'passphrase', 'pwd'], min: 4, random: false },
  {
    name: 'secret',
    words: [
      ...[
        'secret',
        'api_key',
        'api-key',
        'apikey',
        'access_key',
        'access-key',
        'accesskey',
        'account_key',
        'accountkey',
      ],
      ...['private_key', 'privatekey', 'auth_token', 'authtoken', 'access_token', 'accesstoken', 'refresh_token'],
      ...['refreshtoken', 'session_token', 'sessiontoken', '_token', 'signing_key', 'encryption_key'],
    ],
    min: 12,
    random: true,
  },
];

const NAME_REST = alphabet('A-Za-z0-9_-');
const NAME_CHARS_MAX = 40;
/** A quoted value goes no further, and no more of a value is judged. */
const VALUE_CHARS_MAX = 512;
/** Of a value that isn't quoted. */
const BARE = except(alphabet(' \t\n\r\f\v"\'`,;&<>(){}[]|\\\0'));
const QUOTES = ['"', "'", '`'] as const;
const SPACES = alphabet(' \t');

function isQuote(character: string | undefined): character is (typeof QUOTES)[number] {
  return character === '"' || character === "'" || character === '`';
}

/** Where the value begins; -1 when nothing is assigned. */
function valueFrom(text: string, nameEnd: number, spaces: Stretch): number {
  let at = nameEnd;
  if (isQuote(text[at])) at++;
  if (text[at] === ']') at++;
  at = spaces.endFrom(at);
  if (text[at] === ':' && text[at + 1] === '=') at += 2;
  else if (text[at] === '=' && text[at + 1] === '>') at += 2;
  else if (text[at] === '=' && text[at + 1] === '=') return -1;
  else if (text[at] === '=' || text[at] === ':') at++;
  else return -1;
  return spaces.endFrom(at);
}

function judge(shape: AssignmentShape, text: string, found: Found, isQuoted: boolean): Found | null {
  const value = text.slice(found.start, Math.min(found.end, found.start + VALUE_CHARS_MAX));
  if (value.length < shape.min || isPlaceholder(value)) return null;
  if (shape.random) return isMixed(value) && !/\s/.test(value) && !isCode(value) ? found : null;
  if (isQuoted) return found;
  // Of code: a call, an argument that is passed on, a type.
  const next = text[found.end] ?? '';
  if (isCode(value) || (/^[A-Za-z_]+$/.test(value) && /[()[]/.test(next))) return null;
  return isMixed(value) || /[^A-Za-z0-9_.-]/.test(value) || text[found.start - 1] === '=' ? found : null;
}

export function assignmentRule(shape: AssignmentShape): Rule {
  return {
    name: shape.name,
    keywords: shape.words,
    anyCase: true,
    // Counts of tokens, lists of names.
    notBefore: 'sS',
    finder: (text) => {
      const spaces = new Stretch(text, SPACES);
      const bare = new Stretch(text, BARE);
      const lines = new Next(text, '\n');
      const quotes = { '"': new Next(text, '"'), "'": new Next(text, "'"), '`': new Next(text, '`') };
      return (at, keywordLength) => {
        let end = at + keywordLength;
        const last = end + NAME_CHARS_MAX;
        while (end < last && isOf(NAME_REST, text, end)) end++;
        const from = valueFrom(text, end, spaces);
        if (from < 0) return null;
        const quote = text[from];
        if (!isQuote(quote)) return judge(shape, text, { start: from, end: bare.endFrom(from) }, false);
        const start = from + 1;
        // Where the text ends before the quote, it was cut.
        const close = Math.min(quotes[quote].from(start), lines.from(start), text.length);
        return close - start > VALUE_CHARS_MAX ? null : judge(shape, text, { start, end: close }, true);
      };
    },
  };
}

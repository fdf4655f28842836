/** Secrets of every kind, made up, and the ways in which JSON may write a text. */
import fc from 'fast-check';
import { placeholderMaker } from './placeholder.ts';
import { Redactor } from './redactor.ts';
import { BUILT_IN_RULES } from './rules/built-in.ts';

export const TEST_KEY = Buffer.alloc(32, 7);

export function builtInRedactor(): Redactor {
  return new Redactor(BUILT_IN_RULES, [], placeholderMaker(TEST_KEY));
}

export interface Planted {
  readonly rule: string;
  /** What stands in the text. */
  readonly text: string;
  /** The part of it that nobody may see. */
  readonly secret: string;
}

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const DIGITS = '0123456789';

const chars = (set: string, min: number, max: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...set), { minLength: min, maxLength: max }).map((each) => each.join(''));
const alnum = (min: number, max = min): fc.Arbitrary<string> => chars(LETTERS + DIGITS, min, max);
/** With a digit and a letter for certain. */
const mixed = (min: number, max = min): fc.Arbitrary<string> => alnum(min - 2, max - 2).map((text) => `a${text}7`);
const word = (min: number, max = min): fc.Arbitrary<string> => chars(`${LETTERS}${DIGITS}_-`, min, max);

const token = (rule: string, prefix: string, rest: fc.Arbitrary<string>): fc.Arbitrary<Planted> =>
  rest.map((text) => ({ rule, text: prefix + text, secret: prefix + text }));
const within = (rule: string, before: string, after: string, secret: fc.Arbitrary<string>): fc.Arbitrary<Planted> =>
  secret.map((text) => ({ rule, text: before + text + after, secret: text }));

const jwt = fc.tuple(mixed(20, 60), mixed(20, 90), word(20, 80)).map(([header, payload, signature]) => {
  const text = `eyJ${header}.eyJ${payload}.${signature}`;
  return { rule: 'jwt', text, secret: text };
});
const privateKey = fc.array(alnum(64), { minLength: 1, maxLength: 6 }).map((lines) => {
  const text = `-----BEGIN RSA PRIVATE KEY-----\n${lines.join('\n')}\n-----END RSA PRIVATE KEY-----`;
  return { rule: 'private_key', text, secret: lines[0]! };
});

export const planted: fc.Arbitrary<Planted> = fc.oneof(
  token('anthropic_key', 'sk-ant-api03-', word(40, 100)),
  token('openai_key', 'sk-proj-', word(40, 160)),
  token('google_api_key', 'AIza', word(35)),
  token('aws_access_key_id', 'AKIA', chars('ABCDEFGHIJKLMNOPQRSTUVWXYZ234567', 16, 16)),
  token('github_token', 'ghp_', alnum(36)),
  token('github_token', 'github_pat_', alnum(60, 82)),
  token('gitlab_token', 'glpat-', word(20)),
  token('slack_token', 'xoxb-', mixed(24, 50)),
  token('huggingface_token', 'hf_', alnum(34)),
  token('stripe_key', 'sk_live_', alnum(24)),
  jwt,
  privateKey,
  within('url_password', 'postgres://admin:', '@db.internal:5432/main', mixed(6, 20)),
  within('authorization', 'Authorization: Bearer ', '', mixed(20, 60)),
  within('authorization', 'Authorization: Basic ', '==', mixed(16, 60)),
  within('password', 'DB_PASSWORD=', '', mixed(8, 20)),
  within('password', '"password":"', '"', mixed(8, 20)),
  within('password', 'Server=db;User Id=sa;Password=', ';Encrypt=True', mixed(8, 20)),
  within('secret', "client_secret: '", "'", mixed(20, 40)),
  within('secret', 'aws_secret_access_key = ', '', mixed(40)),
);

/** The text as a JSON string whose every character may be written as an escape, in JSON within JSON to a depth of three. */
export function jsonForm(text: string, depth: number, escapes: readonly boolean[]): string {
  let form = text;
  for (let level = 0; level < depth; level++) {
    let i = level * 7;
    const letters = [...form].map((letter) => {
      const isEscaped = escapes.length > 0 && escapes[i++ % escapes.length]! && letter < '\x7f';
      if (isEscaped) return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
      return letter === '/' && i % 2 === 0 ? '\\/' : JSON.stringify(letter).slice(1, -1);
    });
    form = `"${letters.join('')}"`;
  }
  return form;
}

/** The text that `depth` JSON strings hold. */
export function unpacked(form: string, depth: number): string {
  let text = form;
  for (let level = 0; level < depth; level++) text = JSON.parse(text) as string;
  return text;
}

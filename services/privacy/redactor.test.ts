import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fc from 'fast-check';
import { wholeRule } from './custom.ts';
import { placeholderMaker } from './placeholder.ts';
import { Redactor } from './redactor.ts';
import { builtInRedactor, jsonForm, planted, TEST_KEY, unpacked } from './testing.ts';

const redactor = builtInRedactor();
/** Doesn't end or begin a token by itself. */
const around = fc.constantFrom(
  '',
  ' ',
  '\n',
  '"',
  'the key is ',
  '(',
  '. ',
  'ü ',
  '\\ ',
  "it's ",
  '🙂',
  '{"a":[1,2],"b":"c"} ',
);

test('a secret that stands anywhere, escaped in whatever way and depth, is gone', () => {
  fc.assert(
    fc.property(
      ...([planted, around, around, fc.nat(3), fc.array(fc.boolean(), { maxLength: 9 })] as const),
      (secret, before, after, depth, escapes) => {
        const text = `${before}${secret.text}${after === "it's " ? ' ' : after}`;
        const form = jsonForm(text, depth, escapes);
        const redacted = redactor.redact(form);
        // No message with the secret: it would stand in the log.
        assert.ok(redacted !== null, `${secret.rule} was not found`);
        const plain = unpacked(redacted.text, depth);
        assert.ok(!plain.includes(secret.secret), `${secret.rule} is still there`);
        assert.ok(!plain.includes(secret.secret.slice(-12)), `the end of ${secret.rule} is still there`);
        assert.match(plain, /\[redacted:[a-z_]+:[0-9a-f]{8}\]/);
      },
    ),
    { numRuns: 3000 },
  );
});

test('what stands around a secret stays as it was, byte for byte', () => {
  const text = '{"role":"user","content":"a \\u00fc\\n\\"b\\" ghp_' + 'a1'.repeat(18) + ' c\\/d"}';
  const redacted = redactor.redact(text)!;
  assert.match(
    redacted.text,
    /^\{"role":"user","content":"a \\u00fc\\n\\"b\\" \[redacted:github_token:[0-9a-f]{8}\] c\\\/d"\}$/,
  );
  assert.deepEqual(redacted.counts, { github_token: 1 });
});

test('equal secrets have equal placeholders, however they are written; under another key they have others', () => {
  const token = `glpat-${'x9'.repeat(10)}`;
  const mark = (text: string): string => /\[redacted:[^\]]*\]/.exec(text)![0];
  const one = mark(redactor.clean(`token ${token}`));
  assert.equal(mark(redactor.clean(JSON.stringify({ a: token }).replace('x', '\\u0078'))), one);
  assert.notEqual(mark(redactor.clean(`token ${token.replace('x9', 'x8')}`)), one);
  const other = new Redactor(
    [],
    [wholeRule({ name: 'gitlab_token', pattern: 'glpat-\\w+', keywords: [] })],
    placeholderMaker(Buffer.alloc(32, 8)),
  );
  assert.notEqual(mark(other.clean(`token ${token}`)), one);
});

test('what is redacted is not redacted again', () => {
  fc.assert(
    fc.property(planted, around, (secret, before) => {
      const once = redactor.clean(before + secret.text);
      assert.ok(redactor.redact(once) === null, secret.rule);
    }),
    { numRuns: 1000 },
  );
});

test('JSON stays JSON', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(planted, around)), (parts) => {
      const json = JSON.stringify(parts.map(([secret, text]) => ({ [text]: text + secret.text, n: 1 })));
      JSON.parse(redactor.clean(json));
    }),
    { numRuns: 500 },
  );
});

const INNOCENT = [
  'The bearer of bad news has a secret: patience. My password manager asks for a passphrase.',
  'const password = getPassword(); connect({ password, user }); type Login = { password: string; token?: string };',
  'def login(self, password: str, api_key: Optional[str] = None): return self.client(password=password)',
  'api_key = os.environ["OPENAI_API_KEY"]; apiKey: process.env.ANTHROPIC_API_KEY, export TOKEN=$GITHUB_TOKEN',
  '{"max_tokens":4096,"total_tokens":12345,"session_token":null,"password":{"type":"string","description":"The password"}}',
  'password: ********, PASSWORD=$' + '{DB_PASSWORD}, password=<your password>, secret: "{{ vault.secret }}"',
  'task-0123456789abcdef0123456789, risk-assessment, disk-usage-report-2024, /var/lib/disk-0a1b2c3d4e5f6a7b8c9d0e1f',
  'See https://example.com:8080/a@b?c=d and git@github.com:acme/app.git, http://localhost:3000/users/@me',
  'commit 3f2a9c1b7d6e5f4a3b2c1d0e9f8a7b6c5d4e3f2a, sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=, 550e8400-e29b-41d4-a716-446655440000',
  '-----BEGIN CERTIFICATE-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END CERTIFICATE-----, -----BEGIN PUBLIC KEY-----',
  'toolu_01A09q90qw90lq917835lq9, call_abc123DEF456ghi789, msg_01XFDUDYJgAACzvnptvVoYEL, chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  'Basic understanding of HTTP authorization: users, roles and permissions. SK stands for Slovakia; AKIA is a prefix.',
];

test('ordinary text stays as it is', () => {
  for (const text of INNOCENT) assert.equal(redactor.clean(text), text);
});

test('the code of this repository, which speaks of secrets all the time, stays as it is', () => {
  for (const file of [
    '../http/credentials.ts',
    '../masking/secret-finder.ts',
    '../cli/runtime.ts',
    '../config/schema.ts',
  ]) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8');
    assert.ok(redactor.clean(text) === text, file);
  }
});

test('texts made to keep a matcher busy take time in proportion to their length', () => {
  const units = [
    ...[
      'sk-',
      'eyJ',
      'eyJ.',
      'eyJaaaaaaaaaaaaaaaa.',
      'password=',
      'password="',
      'password:"x\n',
      '://a:',
      '://a@',
      'AIza',
      '\\',
    ],
    ...[
      '-----BEGIN PRIVATE KEY-----',
      '-----BEGIN PRIVATE KEY-----\nA',
      'authorization: ',
      'bearer ',
      '\\u0073k-',
      '\\u005cu005c',
    ],
  ];
  for (const unit of units) {
    const run = (bytes: number): number => {
      const text = unit.repeat(bytes / unit.length);
      const start = process.cpuUsage().user;
      redactor.redact(text);
      return (process.cpuUsage().user - start) / 1000;
    };
    run(100_000);
    const small = run(250_000);
    const large = run(4_000_000);
    // Quadratic would be 256 times as long.
    assert.ok(
      large < Math.max(small, 20) * 60,
      `${JSON.stringify(unit)}: ${small} ms for 250 KB, ${large} ms for 4 MB`,
    );
  }
});

test("a rule of the operator's own finds what it describes, its first group alone, and only behind its keywords", () => {
  const rules = [
    wholeRule({ name: 'employee', pattern: 'EMP-[0-9]{6}', keywords: ['emp-'] }),
    wholeRule({ name: 'pin', pattern: 'pin is ([0-9]{4})', keywords: [] }),
  ];
  const own = new Redactor([], rules, placeholderMaker(TEST_KEY));
  assert.match(
    own.clean('{"a":"EMP\\u002d123456, pin is 1234."}'),
    /^\{"a":"\[redacted:employee:\w{8}\], pin is \[redacted:pin:\w{8}\]\."\}$/,
  );
  assert.equal(own.redact('employee 123456'), null);
});

test('where a rule would break the JSON, all of it is replaced', () => {
  const own = new Redactor(
    [],
    [wholeRule({ name: 'number', pattern: '[0-9]{6},"b"', keywords: [] })],
    placeholderMaker(TEST_KEY),
  );
  assert.match(own.clean('{"a":123456,"b":1}'), /^"\[redacted:number:\w{8}\]"$/);
});

test('a pattern that needs to go back, or matches everywhere, is refused with what is wrong', () => {
  for (const pattern of ['(?=a)b', '(a)\\1', '(', 'a*', ''])
    assert.throws(() => wholeRule({ name: 'x', pattern, keywords: [] }), { code: 'BIT_REDACTION_PATTERN' });
});

test('a pattern that other engines take exponential time for takes linear time', () => {
  const own = new Redactor(
    [],
    [wholeRule({ name: 'x', pattern: '(a|aa)+$', keywords: [] })],
    placeholderMaker(TEST_KEY),
  );
  assert.equal(own.redact('a'.repeat(50_000) + 'b'), null);
});

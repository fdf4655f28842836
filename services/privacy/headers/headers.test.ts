import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createCredentialMasker } from '../../http/credentials.ts';
import { builtInRedactor, planted, TEST_KEY } from '../testing.ts';
import { HeaderKeeper, type HeaderRules, type HeadFields, headersOf } from './header-keeper.ts';

const masker = createCredentialMasker(TEST_KEY);

function keeper(mode: HeaderRules['mode'] = 'known', shown: readonly string[] = []): HeaderKeeper {
  return new HeaderKeeper({ mode, shown: new Set(shown) }, masker, builtInRedactor());
}

const head = (fields: Readonly<Record<string, string>>, partial = false): HeadFields => ({
  headers: new Map(Object.entries(fields)),
  partial,
});
const kept = (own: HeaderKeeper, fields: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(headersOf(own.textOf(head(fields))).map(({ name, value }) => [name, value]));
/** Of a value that nothing but its fingerprint is kept of. */
const hidden = (value: string): string => masker.mask('header', value).stored;

test('known headers are kept as they are, in their order; of others a fingerprint that is equal for equal values', () => {
  const own = keeper();
  const text = own.textOf(
    head({
      host: 'a.test',
      'x-tenant': 'blue',
      'user-agent': 'agent/1.0',
      'x-other': 'blue',
      'x-stainless-lang': 'js',
    }),
  );
  const blue = hidden('blue');
  assert.match(blue, /^fp_[0-9a-f]{16}$/);
  assert.equal(
    text,
    `host: a.test\nx-tenant: ${blue}\nuser-agent: agent/1.0\nx-other: ${blue}\nx-stainless-lang: js\n`,
  );
  assert.equal(own.textOf(null), '');
});

test('a credential stands by the fingerprint that the call has, also where a header of another name carries it', () => {
  const stored = masker.mask('authorization', 'Bearer abc-def').stored;
  assert.match(stored, /^Bearer fp_[0-9a-f]{16}$/);
  assert.deepEqual(kept(keeper('all'), { authorization: stored, 'x-upstream-auth': 'Bearer abc-def' }), {
    authorization: stored,
    'x-upstream-auth': stored,
  });
});

test('a credential that the HTTP layer left anything of but a known scheme is hidden whole', () => {
  const { stored } = masker.mask('authorization', 'AWS4-hunter2hunter2 Credential=AKIA/x');
  assert.ok(stored.includes('hunter2'));
  assert.deepEqual(kept(keeper('all'), { authorization: stored }), { authorization: hidden(stored) });
});

test('a header that the operator shows is kept, but not the secrets in it', () => {
  const token = `ghp_${'a1B2'.repeat(9)}`;
  const { 'x-tenant': tenant, 'x-note': note } = kept(keeper('known', ['x-tenant', 'x-note']), {
    'x-tenant': 'blue',
    'x-note': `with ${token}`,
  });
  assert.equal(tenant, 'blue');
  assert.match(note!, /^with \[redacted:github_token:[0-9a-f]{8}\]$/);
});

test('URLs lose their query', () => {
  const fields = kept(keeper('all'), {
    referer: 'https://a.test/p?X-Goog-Signature=deadbeef',
    location: 'https://b.test/q?sas=secret words',
    'http-referer': 'https://app.test/?who=me',
  });
  assert.equal(fields.referer, `https://a.test/p?${hidden('X-Goog-Signature=deadbeef')}`);
  assert.equal(fields.location, `https://b.test/q?${hidden('sas=secret words')}`);
  assert.equal(fields['http-referer'], `https://app.test/?${hidden('who=me')}`);
});

test('where all are shown, what looks like a secret by its name or its value is not', () => {
  const names =
    'x-auth x-api-token my-secret x-key x-functions-key app-key x-hub-signature x-sig x-session x-ms-client-principal x-csrf x-content-sha256 cf-access-client-secret';
  const secrets = Object.fromEntries(names.split(' ').map((name) => [name, 'short']));
  for (const [name, value] of Object.entries(kept(keeper('all'), secrets))) assert.equal(value, hidden('short'), name);
  const uuid = 'b1946ac9-2492-4d23-8f00-000000000001';
  assert.deepEqual(kept(keeper('all'), { 'x-colour': 'blue', 'x-deploy': 'eu-west, canary', 'x-design': uuid }), {
    'x-colour': 'blue',
    'x-deploy': 'eu-west, canary',
    'x-design': hidden(uuid),
  });
});

test('what is long is told by its fingerprint and length, what is too much is counted, what was not seen is told', () => {
  const long = 'word '.repeat(200);
  assert.match(keeper().textOf(head({ 'user-agent': long })), /^user-agent: fp_[0-9a-f]{16} \(1000 characters\)\n$/);
  const many = Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`x-ratelimit-${i}`, 'x']));
  const text = keeper().textOf(head(many));
  assert.equal(headersOf(text).length, 101);
  assert.ok(text.endsWith('\n[more]: 30\n'));
  const large = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`x-ratelimit-${i}`, 'x'.repeat(400)]));
  const cut = keeper().textOf(head(large));
  assert.ok(cut.length < 8300, `${cut.length}`);
  const count = headersOf(cut).length - 1;
  assert.ok(cut.endsWith(`[more]: ${90 - count}\n`));
  assert.ok(
    keeper()
      .textOf(head({ host: 'a' }, true))
      .includes('\n[partial]: '),
  );
});

test('names and values that would look like other lines do not', () => {
  const text = keeper('all').textOf(head({ 'user-agent': 'a\r\nx-admin: yes', 'a: b\nx': 'c', '[more]': '7' }));
  assert.deepEqual(
    headersOf(text).map(({ name }) => name),
    ['user-agent', hidden('a: b\nx'), hidden('[more]')],
  );
});

test('no secret is in what is kept, in whatever header it stands', () => {
  const names = fc.constantFrom('user-agent', 'x-request-id', 'x-tenant', 'server', 'x-title', 'via', 'x-note');
  fc.assert(
    fc.property(planted, names, fc.constantFrom('all', 'known'), fc.boolean(), (secret, name, mode, again) => {
      const own = keeper(mode, ['x-note']);
      const fields = { [name]: `it is ${secret.text}` };
      if (again) own.textOf(head(fields));
      const text = own.textOf(head(fields));
      assert.ok(!text.includes(secret.secret) && !text.includes(secret.secret.slice(-8)), `${secret.rule} is there`);
    }),
    { numRuns: 500 },
  );
});

test('nothing of the value of an unknown header is in what is kept', () => {
  const value = fc.string({ minLength: 17, maxLength: 2000, unit: 'binary-ascii' });
  const name = fc.stringMatching(/^x-own-[a-z]{1,20}$/);
  fc.assert(
    fc.property(name, value, (name, value) => {
      const text = keeper().textOf(head({ [name]: value }));
      assert.match(text, /^x-own-[a-z]+: (?:\w{5,6} )?fp_[0-9a-f]{16}(?: \(\d+ characters\))?\n$/);
    }),
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCredentialMasker } from './credentials.ts';
import { client, framesOf, run, server } from './testing.ts';

const SECRET = 'sk-planted-0123456789';
const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nSet-Cookie: id=sk-planted-0123456789\r\n\r\n';

function headOf(
  target: string,
  fields: string,
): { readonly text: string; readonly field: string; readonly fingerprint: string } {
  const { ended } = run(framesOf([client(`GET ${target} HTTP/1.1\r\nHost: h\r\n${fields}\r\n`), server(OK)]));
  const { requestHead, responseHead } = ended[0]!.exchange;
  const text = JSON.stringify([requestHead, [...requestHead!.headers], [...responseHead!.headers]]);
  return { text, field: requestHead!.credential?.field ?? '', fingerprint: requestHead!.credential?.fingerprint ?? '' };
}

const CASES: readonly (readonly [target: string, fields: string, field: string])[] = [
  ['/', `Authorization: Bearer ${SECRET}\r\n`, 'authorization'],
  ['/', `authorization:bearer   ${SECRET}\r\n`, 'authorization'],
  ['/', `Authorization : Bearer ${SECRET}\r\n`, 'authorization'],
  ['/', `Authorization: Bearer\r\n ${SECRET}\r\n`, 'authorization'],
  ['/', `X-Api-Key: ${SECRET}\r\n`, 'x-api-key'],
  ['/', `api-key: ${SECRET}\r\n`, 'api-key'],
  ['/', `x-goog-api-key: ${SECRET}\r\n`, 'x-goog-api-key'],
  [`/v1?a=b&key=${SECRET}&c=d`, '', 'query:key'],
  [`/v1?%6Bey=${SECRET.replace('-', '%2D')}`, '', 'query:key'],
  [`http://h/v1?access_token=${SECRET}`, '', 'query:access_token'],
  [`/v1?key=other`, `Authorization: Bearer ${SECRET}\r\nx-api-key: another\r\n`, 'authorization'],
];

for (const [target, fields, field] of CASES) {
  test(`credentials: ${JSON.stringify(`${target} ${fields}`)} is a fingerprint from ${field}`, () => {
    const head = headOf(target, fields);
    assert.ok(!head.text.includes('planted'), head.text);
    assert.equal(head.field, field);
    assert.equal(head.fingerprint, headOf('/', `x-api-key: ${SECRET}\r\n`).fingerprint);
    assert.match(head.fingerprint, /^fp_[0-9a-f]{16}$/);
  });
}

test('credentials: other secrets are replaced and name nobody', () => {
  for (const name of ['Cookie', 'Proxy-Authorization', 'X-Amz-Security-Token', 'Ocp-Apim-Subscription-Key']) {
    const head = headOf('/', `${name}: Basic ${SECRET}\r\n`);
    assert.ok(!head.text.includes('planted'), head.text);
    assert.equal(head.field, '');
  }
  assert.ok(!headOf(`http://user:${SECRET}@h/`, `Referer: http://x/?token=${SECRET}\r\n`).text.includes('planted'));
});

test('credentials: of an AWS signature the access key id makes the fingerprint', () => {
  const sign = (date: string): string =>
    `Authorization: AWS4-HMAC-SHA256 Credential=AKIDPLANTED/${date}/us-east-1/bedrock/aws4_request, Signature=${date}ff\r\n`;
  const first = headOf('/', sign('20260101'));
  assert.ok(!first.text.includes('PLANTED') && !first.text.includes('20260101'), first.text);
  assert.equal(first.fingerprint, headOf('/', sign('20260202')).fingerprint);
  const query = headOf('/?X-Amz-Credential=AKIDPLANTED%2F20260101%2Fx&X-Amz-Signature=planted', '');
  assert.ok(!/planted/i.test(query.text), query.text);
  assert.equal(query.fingerprint, first.fingerprint);
});

test('credentials: a fingerprint depends on the key', () => {
  const [one, two] = [createCredentialMasker(Buffer.alloc(32, 1)), createCredentialMasker(Buffer.alloc(32, 2))];
  assert.notEqual(one.mask('x-api-key', 'a').stored, two.mask('x-api-key', 'a').stored);
});

test('credentials: the first word of an unknown scheme is part of the secret', () => {
  assert.ok(!headOf('/', 'Authorization: planted words\r\n').text.includes('planted'));
});

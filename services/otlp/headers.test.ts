import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headersOfFile, headersOfVariable, readHeaders } from './headers.ts';

test('a file holds one header a line', () => {
  const text = '# comment\nAuthorization: Basic YTpi\n\nX-Scope: a:b\r\n';
  assert.deepEqual(
    [...headersOfFile(text)],
    [
      ['authorization', 'Basic YTpi'],
      ['x-scope', 'a:b'],
    ],
  );
});

test('a variable holds pairs, encoded as OpenTelemetry has it', () => {
  assert.deepEqual(
    [...headersOfVariable('authorization=Basic%20YTpi,x=y==')],
    [
      ['authorization', 'Basic YTpi'],
      ['x', 'y=='],
    ],
  );
});

test('what is no header is an error that does not quote it', async () => {
  for (const text of ['secret-token', 'bad name: secret-token', 'x: secret-token\u0001']) {
    assert.throws(
      () => headersOfFile(text),
      (error: Error) => !error.message.includes('secret-token') && /Entry 1 of the OTLP headers/.test(error.message),
    );
  }
  await assert.rejects(readHeaders('', 'NOT_SET', {}), /NOT_SET.*not set/);
  await assert.rejects(readHeaders('/nowhere/at-all', '', {}), { code: 'BIT_OTLP_HEADERS' });
});

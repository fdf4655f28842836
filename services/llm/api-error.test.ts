import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readApiError } from './api-error.ts';
import { KEY_MARK, withoutKeys } from './error-text.ts';

const BODIES: readonly [string, unknown, [string, string] | null][] = [
  ['Anthropic', { type: 'error', error: { type: 'overloaded_error', message: 'm' } }, ['overloaded_error', 'm']],
  ['OpenAI', { error: { message: 'm', type: 'invalid_request_error', code: 'c' } }, ['invalid_request_error', 'm']],
  ['OpenAI without a type', { error: { message: 'm', type: null, code: 'c' } }, ['c', 'm']],
  ['Responses', { type: 'error', code: 'server_error', message: 'm' }, ['server_error', 'm']],
  ['Gemini', { error: { code: 429, message: 'm', status: 'RESOURCE_EXHAUSTED' } }, ['RESOURCE_EXHAUSTED', 'm']],
  ['Gemini in a list', [{ error: { code: 400, message: 'm' } }], ['400', 'm']],
  ['vLLM', { object: 'error', message: 'm', type: 'BadRequestError', code: 400 }, ['BadRequestError', 'm']],
  ['a bare text', { error: 'm' }, ['', 'm']],
  ['FastAPI', { detail: [{ msg: 'm' }] }, ['', '[{"msg":"m"}]']],
  ['no error', { ok: true }, null],
  ['no JSON object', 'oops', null],
];
for (const [name, body, expected] of BODIES) {
  test(`the error of ${name} is read`, () => {
    const error = readApiError(body);
    assert.deepEqual(error === null ? null : [error.type, error.message], expected);
  });
}

test('a key that an error message quotes is taken out, other words stay', () => {
  const text = 'Incorrect API key provided: sk-proj-abcdef0123456789. Sent: Bearer abc.def at risk-based keyboard';
  assert.equal(
    withoutKeys(text, 1000),
    `Incorrect API key provided: ${KEY_MARK} Sent: ${KEY_MARK} at risk-based keyboard`,
  );
});

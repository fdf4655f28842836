import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { official, skip } from '../../load-tests/otlp/official.ts';
import { rejectedOf, rpcCodeOf } from './answer.ts';
import type { Answer } from './post.ts';

const answer = (contentType: string, body: Buffer | string): Answer => ({
  ...{ status: 200, retryAfter: '', contentType },
  body: Buffer.from(body),
});
const PROTOBUF = 'application/x-protobuf';
const JSON_TYPE = 'application/json; charset=utf-8';

test('what the official definitions write is read: partial success of each signal, and the code of an error', {
  skip,
}, () => {
  const signals = ['traces', 'metrics', 'logs'] as const;
  const counts = [0, 1, 127, 128, 70_000];
  const bodies = official([
    ...signals.flatMap((signal) => counts.map((rejected) => ({ answer: signal, rejected }))),
    { status: 3, message: 'bad id' },
    { status: 16, message: 'who are you?' },
  ]).map((each) => Buffer.from((each as { body: string }).body, 'base64'));
  const read = signals.flatMap((signal, i) =>
    counts.map((_, j) => rejectedOf(signal, answer(PROTOBUF, bodies[i * counts.length + j]!))),
  );
  assert.deepEqual(read, [...counts, ...counts, ...counts]);
  const errors = bodies.slice(-2).map((body) => rpcCodeOf(answer(PROTOBUF, body)));
  assert.deepEqual(errors, ['INVALID_ARGUMENT', 'UNAUTHENTICATED']);
});

test('answers are read by their own content type', () => {
  const body = '{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}';
  assert.equal(rejectedOf('traces', answer(JSON_TYPE, body)), 3);
  assert.equal(rejectedOf('logs', answer(JSON_TYPE, body)), 0);
  assert.equal(rejectedOf('traces', answer('text/html', body)), 0);
  assert.equal(rejectedOf('traces', answer(PROTOBUF, body)), 0);
  assert.equal(rpcCodeOf(answer(JSON_TYPE, '{"code":5,"message":"no"}')), 'NOT_FOUND');
  for (const other of ['', '{}', '[]', 'null', '{"partialSuccess":7}', '{"code":"x"}', '<html>']) {
    assert.equal(rejectedOf('traces', answer(JSON_TYPE, other)), 0);
    assert.equal(rpcCodeOf(answer(JSON_TYPE, other)), '');
  }
});

test('an answer of any bytes is a count and a code', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.constantFrom(PROTOBUF, JSON_TYPE), (bytes, type) => {
      const count = rejectedOf('traces', answer(type, Buffer.from(bytes)));
      assert.ok(count >= 0 && Number.isFinite(count));
      assert.match(rpcCodeOf(answer(type, Buffer.from(bytes))), /^[A-Z_]*$/);
    }),
  );
});

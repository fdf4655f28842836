import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Call, Content, Observation } from '../../schemas/call.ts';
import { observationCodec } from '../../schemas/codec.ts';
import { contentOf, sampleCall } from '../clickhouse/testing.ts';
import { fit } from './fit.ts';

const BYTES_MAX = 20_000;

function callOf(contents: readonly Content[], change: Partial<Call> = {}): Observation {
  const requestParts = contents.filter(({ kind }) => kind === 'message').map(({ hash }) => hash);
  const response = contents.find(({ kind }) => kind === 'response');
  const call = sampleCall(0, {
    requestSkeleton: '{}',
    requestParts,
    responseContent: response?.hash ?? '',
    completeness: 'full',
    ...change,
  });
  return { type: 'call', call, contents };
}

test('what fits is left as it is', () => {
  const observation = callOf([contentOf('message', 'short')]);
  assert.equal(fit(observation, BYTES_MAX)[0], observation);
});

test('whatever the sizes, no record is too large, and nothing that fits into one is lost', () => {
  const size = fc.oneof(fc.nat(300), fc.nat(BYTES_MAX), fc.nat(3 * BYTES_MAX));
  const text = fc
    .tuple(size, fc.constantFrom('a', 'ü', '€', '😀'))
    .map(([units, letter]) => letter.repeat(units / letter.length));
  const property = fc.property(fc.array(text, { maxLength: 12 }), size, size, (texts, skeleton, toolArguments) => {
    const contents = texts.map((each, n) => contentOf('message', `${n} ${each}`));
    const observation = callOf(contents, {
      requestSkeleton: 's'.repeat(skeleton),
      toolNames: ['t'],
      toolArguments: ['x'.repeat(toolArguments)],
    });
    const notes: string[] = [];
    const records = fit(observation, BYTES_MAX, (line) => notes.push(line));
    for (const record of records)
      assert.ok(observationCodec.encode(record).length <= BYTES_MAX + 200, 'a record is too large');
    const last = records.at(-1)!;
    assert.ok(last.type === 'call' && records.slice(0, -1).every(({ type }) => type === 'contents'));
    const told = new Set(records.flatMap((record) => (record.type === 'exchange' ? [] : record.contents)));
    const lost = contents.filter((content) => !told.has(content));
    for (const { text: each } of lost) assert.ok(Buffer.byteLength(each) > BYTES_MAX - 100, 'what fits is lost');
    const less = last.call.requestSkeleton.length < skeleton || last.call.toolArguments[0]!.length < toolArguments;
    assert.equal(last.call.completeness, lost.length > 0 || less ? 'truncated' : 'full');
    assert.equal(notes.length, last.call.completeness === 'full' ? 0 : 1);
  });
  fc.assert(property, { seed: Number(process.env.PROPERTY_SEED ?? 7) || Date.now(), numRuns: 400 });
});

test('a call never names a content that was left out', () => {
  const [message, response] = [
    contentOf('message', 'm'.repeat(3 * BYTES_MAX)),
    contentOf('response', 'r'.repeat(3 * BYTES_MAX)),
  ];
  const [record] = fit(callOf([message, response], { completeness: 'gap' }), BYTES_MAX);
  assert.ok(record?.type === 'call');
  assert.deepEqual([record.call.requestSkeleton, record.call.requestParts, record.call.responseContent], ['', [], '']);
  assert.equal(record.call.completeness, 'gap');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Hop, pairHops } from './hops.ts';

const SECOND = 1_000_000;

/** From a client at 10.0.0.1 to a gateway at 10.0.0.2. */
function call(id: string, change: Partial<Hop> = {}): Hop {
  return {
    ...{ id, sessionId: '', start: 100 * SECOND, end: 110 * SECOND, outcome: 'ok', probe: 'a' },
    ...{ responseId: '', requestId: '', upstreamRequestId: '', traceparent: '', stepId: '', said: ' ' },
    ...{ client: '10.0.0.1', server: '10.0.0.2', port: 80 },
    ...change,
  };
}

const PROVIDER = { client: '10.0.0.2', server: '192.0.2.1', port: 443 };
const pairs = (calls: readonly Hop[]): string[] =>
  pairHops(calls).hops.map(({ callId, hopOf }) => `${callId} of ${hopOf}`);

test("on one machine the call that began first is the client's, though it hung up before the gateway had read to the end", () => {
  const local = { client: '127.0.0.1', server: '127.0.0.1', responseId: 'r' };
  const front = call('front', { ...local, port: 8080 });
  const back = call('back', { ...local, port: 9090, start: front.start + 3000, end: front.end + 9000 });
  assert.deepEqual(pairs([back, front]), ['back of front']);
});

test('a gateway that reads on when its client has left is a hop all the same', () => {
  const front = call('front', { responseId: 'r', outcome: 'client_abort', end: 101 * SECOND });
  const back = call('back', { ...PROVIDER, responseId: 'r', start: front.start + 3000 });
  assert.deepEqual(pairs([front, back]), ['back of front']);
  assert.deepEqual(pairs([{ ...front, outcome: 'ok' }, back]), []);
});

test('each call is the next hop of the shortest that holds it: three in a row', () => {
  const chain = [
    call('first', { responseId: 'r', start: 100 * SECOND, end: 110 * SECOND }),
    call('second', { ...PROVIDER, server: '10.0.0.3', responseId: 'r', start: 101 * SECOND, end: 109 * SECOND }),
    call('third', { ...PROVIDER, client: '10.0.0.3', responseId: 'r', start: 102 * SECOND, end: 108 * SECOND }),
  ];
  assert.deepEqual(pairs(chain.toReversed()).sort(), ['second of first', 'third of second']);
});

test('a hundred thousand calls that look alike at one time are looked at in time, and counted', () => {
  const count = 100_000;
  const calls = Array.from({ length: count }, (_, i) =>
    call(`call ${i}`, { stepId: 'step', said: 'the same', responseId: 'constant', port: i % 5, probe: `${i % 7}` }),
  );
  const began = process.cpuUsage();
  const { unsearched } = pairHops(calls);
  const { user } = process.cpuUsage(began);
  // Each with each would be ten thousand million looks.
  assert.ok(user < 20 * SECOND, `${user} µs`);
  assert.equal(unsearched, count);
});

test('a call that a long time lies between is no candidate, and not counted', () => {
  const calls = Array.from({ length: 500 }, (_, i) =>
    call(`call ${i}`, { responseId: 'constant', port: i, start: i * 20 * SECOND, end: i * 20 * SECOND + SECOND }),
  );
  assert.deepEqual(pairHops(calls), { hops: [], unsearched: 0 });
});

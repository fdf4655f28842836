import assert from 'node:assert/strict';
import { test } from 'node:test';
import { REFERENCE, referenceTraffic } from './reference.ts';

test('a call of the reference traffic has 48 KB of request and about 72 KB of packets', () => {
  const calls = 2 * REFERENCE.conversationCalls;
  const batches = [...referenceTraffic({ seed: 1, calls })];
  // Without the file's 16 bytes a packet.
  const bytes = batches.reduce((sum, batch) => sum + batch.bytes.length - 16 * batch.packets, 0);
  assert.equal(
    batches.reduce((sum, batch) => sum + batch.calls, 0),
    calls,
  );
  assert.ok(Math.abs(bytes / calls - 72_000) < 5_000, `${bytes / calls} bytes a call`);
  const lengths = Buffer.concat(batches.map((batch) => batch.bytes))
    .toString('latin1')
    .matchAll(/content-length: (\d+)/g);
  const requests = [...lengths].map((match) => Number(match[1]));
  assert.equal(requests.length, calls);
  const mean = requests.reduce((sum, each) => sum + each, 0) / calls;
  assert.ok(Math.abs(mean - REFERENCE.requestBytesMean) < 3_000, `${mean} bytes a request`);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measure } from './measure.ts';
import { HOSTILE } from './traffic.ts';

/** Enough that a cost that grows with the packets before shows: a walk over all of them would take minutes. */
const PACKETS = 60_000;
/** A million of each kind are measured by `npm run hostile`; a busy machine may take many times as long as a quiet one. */
const COST_MAX = 20;
const MEMORY_BYTES_MAX = 500_000_000;

const alone = measure(null, PACKETS);

for (const hostile of HOSTILE) {
  test(`an innocent stream doesn't notice: ${hostile.name}`, () => {
    const beside = measure(hostile, PACKETS);
    assert.equal(beside.innocentHash, alone.innocentHash);
    assert.ok(beside.hostileSeconds < alone.innocentSeconds * COST_MAX, `${beside.hostileSeconds} s of CPU`);
    assert.ok(beside.memoryBytes < MEMORY_BYTES_MAX, `${beside.memoryBytes} bytes`);
  });
}

test('a flood of SYNs takes no place from connections that have spoken', () => {
  const flood = HOSTILE.find(({ name }) => name === 'SYN flood')!;
  const beside = measure(flood, PACKETS, { connectionsMax: 1000 });
  assert.equal(beside.innocentHash, alone.innocentHash);
});

test('sequence numbers from anywhere make no gaps of gigabytes, and are counted', () => {
  const games = HOSTILE.find(({ name }) => name === 'sequence numbers from anywhere')!;
  const { losses } = measure(games, 20_000);
  const stray = losses.find(({ reason }) => reason === 'out_of_window');
  assert.ok((stray?.packets ?? 0) > 19_500, JSON.stringify(losses));
  assert.ok((losses.find(({ reason }) => reason === 'gap')?.bytes ?? 0) < 50e6, JSON.stringify(losses));
});

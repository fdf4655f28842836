/** Literal frames of two probes in, what the HTTP layer reads out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseReason, Frame } from '../../../schemas/frame.ts';
import { client, fin, framesOf, rst, type Step, server } from '../../http/testing.ts';
import { MergedConnection } from './merged-connection.ts';
import { MERGE_DEFAULTS } from './merger.ts';

const START = { position: { client: 0, server: 0 }, synced: true, over: false, sequence: 0, delivered: false };
const LIMITS = { ...MERGE_DEFAULTS, waitMs: 5_000 };

function of(probe: string, steps: readonly Step[], close: CloseReason | null = null): Frame[] {
  return framesOf(steps, { stepsPerFrame: 1, close }).map((frame) => ({ ...frame, probe }));
}

/** `a:c+GET` each segment, with its probe; `(3)` a gap. */
function shown(frames: readonly Frame[]): string[] {
  return frames.flatMap((frame) => {
    let at = 0;
    const lines = frame.segments.map(({ side, kind, gap, length }) => {
      const text = frame.payload.toString('latin1', at, at + length);
      at += length;
      return `${frame.probe}:${side[0]}${gap > 0 ? `(${gap})` : ''}${kind === 'data' ? `+${text}` : kind}`;
    });
    return frame.close === null ? lines : [...lines, `close ${frame.close}`];
  });
}

/** Feeds the frames in this order, one a millisecond. */
function merged(
  frames: readonly Frame[],
  limits = LIMITS,
): { readonly lines: string[]; readonly of: MergedConnection } {
  const connection = new MergedConnection(START, limits);
  const out = frames.flatMap((frame, n) => connection.feed(frame, n, n));
  let [clientEnd, serverEnd, sequence] = [0, 0, 0];
  for (const frame of out) {
    assert.deepEqual([frame.sequence, frame.clientOffset, frame.serverOffset], [sequence++, clientEnd, serverEnd]);
    for (const { side, gap, length } of frame.segments) {
      if (side === 'client') clientEnd += gap + length;
      else serverEnd += gap + length;
    }
  }
  return { lines: shown(out), of: connection };
}

test('frames of a single probe that misses nothing go by as they are', () => {
  const connection = new MergedConnection(START, LIMITS);
  for (const [n, frame] of of('a', [client('GET'), server('OK'), client('GET')]).entries()) {
    const [out] = connection.feed(frame, n, n);
    assert.equal(out, frame, 'the very same');
    assert.equal(connection.heldFrom, Number.POSITIVE_INFINITY);
  }
});

test('what both probes have is passed on once, as the first one brings it', () => {
  const steps = [client('GET'), server('OK')];
  const [a, b] = [of('a', steps), of('b', steps)];
  assert.deepEqual(merged([a[0]!, b[0]!, b[1]!, a[1]!]).lines, ['a:c+GET', 'b:s+OK']);
});

test('a gap is filled by the other probe, whichever comes first', () => {
  const a = of('a', [client('GET'), server('OK', 3)]);
  const b = of('b', [client('GET'), server('yes'), server('OK')]);
  const expected = ['a:c+GET', 'b:s+yes', 'a:s+OK'];
  assert.deepEqual(merged([a[0]!, a[1]!, ...b]).lines, expected);
  assert.deepEqual(merged([a[0]!, b[0]!, b[1]!, a[1]!, b[2]!]).lines, expected);
});

test('each probe sees one direction: an answer that is published first waits for its request', () => {
  const a = of('a', [client('GET'), server('', 2), client('NEXT')]);
  const b = of('b', [client('', 3), server('OK'), client('', 4), server('NO')]);
  assert.deepEqual(merged([...b, ...a]).lines, ['a:c+GET', 'b:s+OK', 'a:c+NEXT', 'b:s+NO']);
});

test('two probes that saw the sides in another order than each other wait for nobody for ever', () => {
  const a = of('a', [server('', 2), client('GET')]);
  const b = of('b', [client('', 3), server('OK')]);
  assert.deepEqual(merged([...a, ...b]).lines, ['a:c+GET', 'b:s+OK']);
});

test('what both missed is a gap as soon as both have told of it, and no larger than what both missed', () => {
  const a = of('a', [client('0123'), client('89', 4)]);
  const b = of('b', [client('01'), client('67', 4), client('89')]);
  assert.deepEqual(merged([...a, b[0]!, b[1]!]).lines, ['a:c+0123', 'a:c(2)+', 'b:c+67', 'a:c+89']);
});

test('a gap that the other probe has not reached yet is waited for, for as long as configured', () => {
  const a = of('a', [client('GET'), client('rest', 3)]);
  const connection = new MergedConnection(START, LIMITS);
  assert.deepEqual(shown(connection.feed(a[0]!, 0, 1_000)), ['a:c+GET']);
  assert.deepEqual(connection.feed(a[1]!, 1, 2_000), []);
  assert.equal(connection.heldFrom, 1);
  assert.equal(connection.dueMs, 7_000);
  assert.deepEqual(connection.expire(6_999), []);
  assert.deepEqual(shown(connection.expire(7_000)), ['a:c(3)+rest']);
  assert.equal(connection.heldFrom, Number.POSITIVE_INFINITY);
});

test('what waits is bounded: above the limit gaps are believed', () => {
  const a = of('a', [client('GET'), client('x'.repeat(2_000), 3)]);
  const { lines } = merged(a, { ...LIMITS, heldBytesMax: 1_000 });
  assert.deepEqual(lines, ['a:c+GET', `a:c(3)+${'x'.repeat(2_000)}`]);
});

test('a reset waits for bytes that only the other probe saw', () => {
  const a = of('a', [client('GET'), server('he'), rst('client')], 'rst');
  const b = of('b', [client('GET'), server('he'), server('llo'), rst('client')], 'rst');
  const { lines, of: connection } = merged([...a, ...b]);
  assert.deepEqual(lines, ['a:c+GET', 'a:s+he', 'b:s+llo', 'a:crst', 'close rst']);
  assert.ok(connection.over);
});

test('both sides have ended: the rest is late, whoever sends it', () => {
  const steps = [client('GET'), fin('client'), server('OK'), fin('server')];
  const { lines } = merged([...of('a', steps, 'fin'), ...of('b', steps, 'fin')]);
  assert.deepEqual(lines, ['a:c+GET', 'a:cfin', 'a:s+OK', 'a:sfin', 'close fin']);
});

test('a probe that ends alone leaves the connection to the other one', () => {
  const a = of('a', [client('GET'), server('O')], 'stopped');
  const b = of('b', [client('GET'), server('OK'), fin('server'), fin('client')], 'fin');
  assert.deepEqual(merged([a[0]!, b[0]!, a[1]!, ...b.slice(1)]).lines, [
    'a:c+GET',
    'a:s+O',
    'b:s+K',
    'b:sfin',
    'b:cfin',
    'close fin',
  ]);
});

test('the only probe has ended: after the wait the connection has, too', () => {
  const connection = new MergedConnection(START, LIMITS);
  const a = of('a', [client('GET')], 'stopped');
  assert.deepEqual(shown(connection.feed(a[0]!, 0, 0)), ['a:c+GET']);
  assert.deepEqual(shown(connection.expire(5_000)), ['close stopped']);
});

test('a frame that comes twice, or is missing, is no new one and a gap', () => {
  const a = of('a', [client('one'), client('two'), client('three')]);
  const b = of('b', [client('one'), client('two')]);
  assert.deepEqual(merged([a[0]!, a[0]!, a[2]!, ...b]).lines, ['a:c+one', 'b:c+two', 'a:c+three']);
});

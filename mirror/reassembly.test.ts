import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Loss } from '../schemas/frame.ts';
import type { CaptureOptions } from './options.ts';
import { capturePackets, HANDSHAKE, lines, REQUEST, RESPONSE, run, type Step, timed } from './scenario.ts';

const C = 1001;
const S = 5001;
/** `REQUEST` as one packet, then its acknowledgements. */
const ASK: Step = { from: 'c', flags: 'PA', seq: C, ack: S, data: REQUEST };
const C2 = C + REQUEST.length;
const S2 = S + RESPONSE.length;
const ANSWER: Step = { from: 's', flags: 'PA', seq: S, ack: C2, data: RESPONSE };
const GOODBYE: readonly Step[] = [
  { from: 'c', flags: 'FA', seq: C2, ack: S2 },
  { from: 's', flags: 'FA', seq: S2, ack: C2 + 1 },
  { from: 'c', flags: 'A', seq: C2 + 1, ack: S2 + 1 },
];
const WHOLE = [`c ${REQUEST}`, `s ${RESPONSE}`, 'c fin', 's fin', 'close fin'];
/** Enough later packets of another connection that nothing is still waited for as reordered. */
const later = (at: number, count = 40): Step[] =>
  Array.from({ length: count }, (_, index) => ({
    from: 'c',
    flags: 'A',
    seq: 1,
    ack: 1,
    at: at + index,
    client: { ip: '10.9.9.9', port: 9 },
  }));

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly lines: readonly string[];
  readonly losses?: readonly Loss[];
  readonly options?: Partial<CaptureOptions>;
}

const gap = (bytes: number): Loss => ({ reason: 'gap', packets: 0, bytes });

const CASES: readonly Case[] = [
  {
    name: 'a whole exchange with its ends comes out in order',
    steps: [...HANDSHAKE, ASK, ANSWER, ...GOODBYE],
    lines: WHOLE,
  },
  {
    name: 'each packet twice, as on interface any, gives everything once',
    steps: [...HANDSHAKE, ASK, ANSWER, ...GOODBYE].flatMap((step) => [step, step]),
    lines: WHOLE,
  },
  {
    name: 'a response captured before its request comes behind it',
    steps: [...HANDSHAKE, ANSWER, ASK, ...GOODBYE],
    lines: WHOLE,
  },
  {
    name: 'a SYN that comes after the first data still opens the connection',
    steps: [HANDSHAKE[1]!, HANDSHAKE[2]!, ASK, HANDSHAKE[0]!, ANSWER, ...GOODBYE],
    lines: WHOLE,
  },
  {
    name: 'a SYN and SYN+ACK behind the request still open the connection',
    steps: [ASK, HANDSHAKE[2]!, HANDSHAKE[1]!, HANDSHAKE[0]!, ANSWER, ...GOODBYE],
    lines: WHOLE,
  },
  {
    name: 'a SYN sent again is no other connection',
    steps: [HANDSHAKE[0]!, HANDSHAKE[0]!, ...HANDSHAKE, ASK, HANDSHAKE[0]!, ANSWER, ...GOODBYE],
    lines: WHOLE,
  },
  {
    name: 'data in the SYN (TCP Fast Open) counts',
    steps: [
      { from: 'c', flags: 'S', seq: 1000, ack: 0, data: REQUEST },
      { from: 's', flags: 'SA', seq: 5000, ack: C2 },
      ANSWER,
      ...GOODBYE,
    ],
    lines: WHOLE,
  },
  {
    name: 'of overlapping segments the first copy of a byte wins',
    steps: [
      ...HANDSHAKE,
      ASK,
      { from: 's', flags: 'PA', seq: S + 4, ack: C2, data: 'EFGH' },
      { from: 's', flags: 'PA', seq: S + 2, ack: C2, data: 'cdxxxxij' },
      { from: 's', flags: 'PA', seq: S, ack: C2, data: 'HTyyyy' },
    ],
    options: { sniff: false },
    lines: [`c ${REQUEST}`, 's HT', 's cd', 's EFGH', 's ij', 'close stopped'],
  },
  {
    name: 'a joined connection whose first request begins with one byte alone keeps that byte: the peer has not acknowledged it',
    steps: [
      { from: 's', flags: 'PA', seq: S - 4, ack: C, data: 'done' },
      { from: 'c', flags: 'PA', seq: C, ack: S, data: REQUEST.slice(0, 1) },
      { from: 'c', flags: 'PA', seq: C + 1, ack: S, data: REQUEST.slice(1) },
      ANSWER,
    ],
    lines: ['s done', `c ${REQUEST.slice(0, 1)}`, `c ${REQUEST.slice(1)}`, `s ${RESPONSE}`, 'close stopped'],
  },
  {
    name: 'a capture that begins with a byte alone keeps it when a message begins with it',
    steps: [
      { from: 'c', flags: 'PA', seq: C, ack: S, data: REQUEST.slice(0, 1) },
      { from: 's', flags: 'A', seq: S, ack: C + 1 },
      { from: 'c', flags: 'PA', seq: C + 1, ack: S, data: REQUEST.slice(1, 3) },
      { from: 'c', flags: 'PA', seq: C + 3, ack: S, data: REQUEST.slice(3) },
      ANSWER,
    ],
    lines: [
      `c ${REQUEST.slice(0, 1)}`,
      `c ${REQUEST.slice(1, 3)}`,
      `c ${REQUEST.slice(3)}`,
      `s ${RESPONSE}`,
      'close stopped',
    ],
  },
  {
    name: 'a capture that begins with a keep-alive probe drops its byte, also when a message might begin with it',
    steps: [
      { from: 'c', flags: 'A', seq: C - 1, ack: S, data: 'P' },
      { from: 's', flags: 'A', seq: S, ack: C },
      ASK,
      ANSWER,
    ],
    lines: [`c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped'],
  },
  {
    name: 'a keep-alive probe that nothing follows makes no frame',
    steps: [
      { from: 'c', flags: 'A', seq: C - 1, ack: S, data: 'P' },
      { from: 's', flags: 'A', seq: S, ack: C },
    ],
    lines: [],
  },
  {
    name: 'keep-alive probes, with and without the garbage byte, change nothing',
    steps: [
      ...HANDSHAKE,
      ASK,
      ANSWER,
      { from: 'c', flags: 'A', seq: C2 - 1, ack: S2, data: '\0' },
      { from: 's', flags: 'A', seq: S2, ack: C2 },
      { from: 'c', flags: 'A', seq: C2 - 1, ack: S2 },
      ...GOODBYE,
    ],
    lines: WHOLE,
  },
  {
    name: 'a hole that the peer acknowledged is a gap after the grace period, and the connection goes on',
    steps: [
      ...HANDSHAKE,
      ASK,
      { from: 's', flags: 'PA', seq: S, ack: C2, data: 'HTTP/1.1 ' },
      { from: 's', flags: 'PA', seq: S + 13, ack: C2, data: 'X\r\n\r\n' },
      { from: 'c', flags: 'A', seq: C2, ack: S2 },
      ...later(2000),
      { from: 'c', flags: 'PA', seq: C2, ack: S2, data: 'NEXT', at: 2100 },
    ],
    lines: [`c ${REQUEST}`, 's HTTP/1.1 ', 's gap 4', 's X\r\n\r\n', 'c NEXT', 'close stopped'],
    losses: [gap(4)],
  },
  {
    name: 'a hole that a retransmit fills within the grace period is none',
    steps: [
      ...HANDSHAKE,
      ASK,
      { from: 's', flags: 'PA', seq: S + 13, ack: C2, data: RESPONSE.slice(13) },
      { from: 'c', flags: 'A', seq: C2, ack: S },
      { from: 's', flags: 'PA', seq: S, ack: C2, data: RESPONSE.slice(0, 13), at: 300 },
      ...GOODBYE,
    ],
    lines: [`c ${REQUEST}`, `s ${RESPONSE.slice(0, 13)}`, `s ${RESPONSE.slice(13)}`, 'c fin', 's fin', 'close fin'],
  },
  {
    name: 'the tail of a response that the peer acknowledged and nobody saw is a gap of its own',
    steps: [
      ...HANDSHAKE,
      ASK,
      { from: 's', flags: 'PA', seq: S, ack: C2, data: 'HTTP/1.1 ' },
      { from: 'c', flags: 'A', seq: C2, ack: S2 },
      ...later(2000),
      ...later(4000),
    ],
    lines: [`c ${REQUEST}`, 's HTTP/1.1 ', 's gap 9', 'close stopped'],
    losses: [gap(9)],
  },
  {
    name: 'a lost request is a gap before its response',
    steps: [...HANDSHAKE, ANSWER, ...GOODBYE],
    lines: [`c gap ${REQUEST.length}`, `s ${RESPONSE}`, 'c fin', 's fin', 'close fin'],
    losses: [gap(REQUEST.length)],
  },
  {
    name: 'a FIN behind a hole gives the gap, then the end',
    steps: [
      ...HANDSHAKE,
      ASK,
      { from: 's', flags: 'FA', seq: S + 30, ack: C2 },
      { from: 'c', flags: 'FA', seq: C2, ack: S + 31 },
    ],
    lines: [`c ${REQUEST}`, 's gap 30', 's fin', 'c fin', 'close fin'],
    losses: [gap(30)],
  },
  {
    name: 'a FIN that the capture missed is no missing byte, and comes before the FIN that acknowledges it',
    steps: [...HANDSHAKE, ASK, ANSWER, GOODBYE[1]!, GOODBYE[2]!, ...later(2000), ...later(4000)],
    lines: [`c ${REQUEST}`, `s ${RESPONSE}`, 'c fin', 's fin', 'close fin'],
  },
  {
    name: 'a capture of the client side alone tells the responses as gaps',
    steps: [
      HANDSHAKE[0]!,
      HANDSHAKE[2]!,
      ASK,
      { from: 'c', flags: 'PA', seq: C2, ack: S2, data: 'GET /2', at: 50 },
      ...later(2000),
      ...later(4000),
    ],
    lines: [`c ${REQUEST}`, `s gap ${RESPONSE.length}`, 'c GET /2', 'close stopped'],
    losses: [gap(RESPONSE.length)],
  },
  {
    name: 'joined in the middle, a stream starts with what comes first, and content tells who is the client',
    steps: [
      { from: 's', flags: 'PA', seq: 77_000, ack: 9_000, data: 'tail of a body' },
      { from: 'c', flags: 'A', seq: 9_000, ack: 77_014 },
      { from: 'c', flags: 'PA', seq: 9_000, ack: 77_014, data: REQUEST },
      { from: 's', flags: 'PA', seq: 77_014, ack: 9_018, data: RESPONSE },
    ],
    lines: ['s tail of a body', `c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped'],
  },
  {
    name: 'a reset ends the connection when late packets had their time',
    steps: [...HANDSHAKE, ASK, { from: 'c', flags: 'R', seq: C2, ack: 0 }, ANSWER, ...later(2000)],
    lines: [`c ${REQUEST}`, `s ${RESPONSE}`, 'c rst', 'close rst'],
  },
  {
    name: 'a reset tells by its number that bytes before it were sent: they are a gap',
    steps: [...HANDSHAKE, ASK, ANSWER, { from: 's', flags: 'RA', seq: S2 + 5, ack: C2 }, ...later(2000)],
    lines: [`c ${REQUEST}`, `s ${RESPONSE}`, 's gap 5', 's rst', 'close rst'],
    losses: [gap(5)],
  },
  {
    name: 'a reset that acknowledges bytes tells that the other side sent them: they are a gap before it',
    steps: [...HANDSHAKE, ASK, { from: 'c', flags: 'RA', seq: C2, ack: S + 7 }, ...later(2000)],
    lines: [`c ${REQUEST}`, 's gap 7', 'c rst', 'close rst'],
    losses: [gap(7)],
  },
  {
    name: 'a connection without packets is closed as idle',
    steps: [...HANDSHAKE, ASK, ANSWER, ...later(599_000), ...later(700_000)],
    lines: [`c ${REQUEST}`, `s ${RESPONSE}`, 'close idle'],
  },
  {
    name: 'a connection without a byte makes no frame',
    steps: [...HANDSHAKE, { from: 'c', flags: 'R', seq: C, ack: 0 }],
    lines: [],
  },
];

for (const { name, steps, options, lines: expected, losses = [] } of CASES) {
  test(name, () => {
    const { frames, report } = run(steps, options);
    assert.deepEqual(lines(frames), expected);
    const ownLosses = report.losses.filter(({ reason }) => reason !== 'out_of_window');
    assert.deepEqual(ownLosses, losses);
    assert.deepEqual(
      frames.flatMap((frame) => frame.losses),
      losses,
    );
  });
}

test('the same addresses and ports again are another connection, and late packets of the old one find it', () => {
  const again = (step: Step): Step => ({
    ...step,
    seq: step.seq + (step.from === 'c' ? 3e9 : 2e9),
    ack: step.ack === 0 ? 0 : step.ack + (step.from === 'c' ? 2e9 : 3e9),
  });
  const { frames, report } = run([
    ...HANDSHAKE,
    ASK,
    ...HANDSHAKE.map(again),
    again(ASK),
    ANSWER,
    again(ANSWER),
    ...later(2000),
  ]);
  const ids = [...new Set(frames.map((frame) => frame.connection))];
  assert.equal(ids.length, 2);
  const of = (id: string): string[] => lines(frames.filter((frame) => frame.connection === id));
  assert.deepEqual(ids.map(of).sort(), [
    [`c ${REQUEST}`, `s ${RESPONSE}`, 'close replaced'],
    [`c ${REQUEST}`, `s ${RESPONSE}`, 'close stopped'],
  ]);
  assert.deepEqual(report.losses, []);
  assert.equal(report.connections, 2);
});

test('packets cut by the snap length advance the stream by their length on the wire', () => {
  const steps = [
    ...HANDSHAKE,
    { ...ASK, data: REQUEST.padEnd(100, 'x') },
    { from: 's' as const, flags: 'PA', seq: S, ack: C + 100, data: RESPONSE },
  ];
  const { frames, report } = capturePackets(timed(steps), {}, 54 + 18);
  assert.deepEqual(lines(frames), [`c ${REQUEST}`, 'c gap 82', `s ${RESPONSE}`, 'close stopped']);
  assert.deepEqual(report.losses, [{ reason: 'snap', packets: 0, bytes: 82 }]);
});

test('the limit of a connection gives up the nearest hole and keeps what is behind it', () => {
  const far: Step[] = Array.from({ length: 60 }, (_, index) => ({
    from: 's',
    flags: 'A',
    seq: S + 10 + index * 1400,
    ack: C2,
    data: 'y'.repeat(1400),
  }));
  const { frames, report } = run([...HANDSHAKE, ASK, ...far], { connectionBufferBytesMax: 65_536 });
  assert.deepEqual(report.losses, [gap(10)]);
  assert.equal(report.payloadBytes, REQUEST.length + 60 * 1400);
  assert.equal(lines(frames)[1], 's gap 10');
});

test('with more connections than allowed the one without packets for longest is evicted', () => {
  const at = (port: number): Step[] =>
    [...HANDSHAKE, ASK].map((step) => ({ ...step, client: { ip: '10.0.0.1', port } }));
  const { frames } = run([...at(1), ...at(2), ...at(3)], { connectionsMax: 2 });
  assert.deepEqual(
    frames.map((frame) => [frame.client.port, frame.close]),
    [
      [1, 'evicted'],
      [2, 'stopped'],
      [3, 'stopped'],
    ],
  );
});

test('a segment far outside the window is counted and harms nothing', () => {
  const wild: Step = { from: 's', flags: 'A', seq: S + 500_000_000, ack: C2, data: 'zzz' };
  const { frames, report } = run([...HANDSHAKE, ASK, wild, ANSWER, ...GOODBYE]);
  assert.deepEqual(lines(frames), WHOLE);
  assert.deepEqual(report.losses, [{ reason: 'out_of_window', packets: 1, bytes: 3 }]);
});

test('after an outage of the capture longer than the window the stream is found again', () => {
  const far = S + 100_000_000;
  const steps: Step[] = [0, 1, 2, 3].map((index) => ({
    from: 's',
    flags: 'A',
    seq: far + index * 3,
    ack: C2,
    data: 'abc',
  }));
  const { frames, report } = run([...HANDSHAKE, ASK, ...steps, ...later(10_000), ...later(20_000), ...later(60_000)]);
  assert.deepEqual(lines(frames), [`c ${REQUEST}`, 's gap 100000006', 's abc', 's abc', 'close stopped']);
  assert.deepEqual(report.losses, [gap(100_000_006)]);
});

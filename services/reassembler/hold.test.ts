/** What may keep a partition's watermark back, and for how long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Call, ExchangeRow, Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { PREFACE } from '../http/h2/frame.ts';
import { answers, asks, data, frame as http2Frame } from '../http/h2/testing.ts';
import { HTTP_DEFAULTS } from '../http/options.ts';
import { client, fin, framesOf, type Step, server } from '../http/testing.ts';
import { IDENTITY_DEFAULTS } from '../identity/mapping.ts';
import { LLM_DEFAULTS } from '../llm/defaults.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { MERGE_DEFAULTS } from './merge/merger.ts';
import { PartitionReassembler, type Progress } from './partition.ts';

const MINUTE_MS = 60_000;
const START_MS = 1_795_000_000_000;
const masker = createCredentialMasker(Buffer.from('only for tests'));
const options = {
  http: HTTP_DEFAULTS,
  llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: false, limits: LLM_DEFAULTS },
  limits: { idleTimeoutMs: 15 * MINUTE_MS, holdMsMax: 30 * MINUTE_MS },
};
const REQUEST = 'GET /a HTTP/1.1\r\nhost: h\r\n\r\n';
const RESPONSE = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok';

interface Published {
  readonly frame: Frame;
  readonly minute: number;
}

function frames(connection: string, steps: readonly Step[]): readonly Frame[] {
  return framesOf(steps, { connection: Buffer.from(connection.padEnd(16)).toString('hex'), stepsPerFrame: 1 });
}

/** A connection that says something each minute, and finishes nothing after its first `whole` exchanges. */
function chatter(from: number, to: number): Published[] {
  const steps = Array.from({ length: to - from }, () => [client(REQUEST), server(RESPONSE)]).flat();
  return frames('chatter', steps).map((frame, n) => ({ frame, minute: from + (n >> 1) }));
}

function inOrder(...published: readonly (readonly Published[])[]): Published[] {
  return published.flat().sort((a, b) => a.minute - b.minute);
}

class Run {
  readonly observations: Observation[] = [];
  progress: Progress = { offset: 0, metadata: '' };
  partition = new PartitionReassembler(options, masker, null);

  feed(log: readonly Published[], from: number, to: number): void {
    for (let offset = from; offset < to; offset++) {
      const { frame, minute } = log[offset]!;
      this.partition.feed(frame, offset, START_MS + minute * MINUTE_MS);
      this.observations.push(...this.partition.takeReady());
      this.progress = this.partition.progress(offset + 1);
    }
  }

  /** Another process takes over where the last commit says. */
  takeOver(): number {
    this.partition = new PartitionReassembler(options, masker, decodeCheckpoint(this.progress.metadata));
    return this.progress.offset;
  }

  get exchanges(): ExchangeRow[] {
    return this.observations.flatMap((each) => (each.type === 'exchange' ? [each.exchange] : []));
  }

  /** `path end` of each exchange, the chatter's left out. */
  get others(): string[] {
    const rows = this.observations.flatMap((each): (Call | ExchangeRow)[] =>
      each.type === 'call' ? [each.call] : each.type === 'exchange' ? [each.exchange] : [],
    );
    return [
      ...new Set(rows.filter(({ path }) => path !== '/a').map(({ path, outcome }) => `${path} ${outcome}`)),
    ].sort();
  }
}

test('a connection whose probe has died is ended, and lets the watermark go', () => {
  const orphan = frames('orphan', [client('GET /orphan HTTP/1.1\r\nhost: h\r\n\r\n'), server('HTTP/1.1 200 OK\r\n')]);
  const log = inOrder(
    orphan.map((frame) => ({ frame, minute: 0 })),
    chatter(0, 20),
  );
  const run = new Run();
  run.feed(log, 0, 28);
  assert.equal(run.progress.offset, 0, 'fourteen minutes are not enough');
  run.feed(log, 28, log.length);
  assert.deepEqual(run.others, ['/orphan timeout']);
  assert.equal(run.progress.offset, log.length);
  assert.equal(decodeCheckpoint(run.progress.metadata)?.size, 0);
  assert.deepEqual(run.partition.holdCounts, { idle: 1, cut: 0 });
});

test('successors that take over at any frame end the same connections', () => {
  const orphan = frames('orphan', [client('GET /orphan HTTP/1.1\r\nhost: h\r\n\r\n'), server('HTTP/1.1 200 OK\r\n')]);
  const log = inOrder(
    orphan.map((frame) => ({ frame, minute: 0 })),
    chatter(0, 20),
  );
  for (let crash = 1; crash < log.length; crash++) {
    const run = new Run();
    run.feed(log, 0, crash);
    run.feed(log, run.takeOver(), log.length);
    assert.deepEqual(run.others, ['/orphan timeout'], `crash after ${crash}`);
    assert.equal(run.progress.offset, log.length);
  }
});

test('an exchange that lasts too long is stored as it stands, and again when it has ended', () => {
  const head = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n';
  const drops = Array.from({ length: 40 }, () => server('3\r\nabc\r\n'));
  const next = [server('0\r\n\r\n'), client('GET /next HTTP/1.1\r\nhost: h\r\n\r\n'), server(RESPONSE)];
  const long = frames('long', [client('GET /long HTTP/1.1\r\nhost: h\r\n\r\n'), server(head), ...drops, ...next]);
  const log = inOrder(
    long.map((frame, n) => ({ frame, minute: n })),
    chatter(0, 50),
  );
  const undisturbed = new Run();
  undisturbed.feed(log, 0, log.length);
  assert.deepEqual(undisturbed.others, ['/long complete', '/long limit', '/next complete']);
  const ids = undisturbed.exchanges.filter(({ path }) => path === '/long').map(({ exchangeId }) => exchangeId);
  assert.equal(new Set(ids).size, 1, 'under the same id');
  assert.deepEqual(
    undisturbed.exchanges
      .filter(({ path }) => path === '/long')
      .map(({ provisional, completeness, responseBytes }) => {
        return { provisional, completeness, whole: responseBytes === 120 };
      }),
    [
      { provisional: true, completeness: 'truncated', whole: false },
      { provisional: false, completeness: 'full', whole: true },
    ],
  );
  assert.equal(undisturbed.progress.offset, log.length);
  assert.equal(undisturbed.partition.holdCounts.cut, 1);
  const told = log.findIndex(({ minute }) => minute >= 31);
  for (let crash = 1; crash < log.length; crash++) {
    const run = new Run();
    run.feed(log, 0, crash);
    if (crash > told + 2) assert.ok(run.progress.offset > crash - 4, 'the long exchange holds nothing back any more');
    run.feed(log, run.takeOver(), log.length);
    // Who takes over in between doesn't know what came before: the row stays as it is.
    const others = run.others.filter((each) => each !== '/long complete');
    assert.deepEqual(others, ['/long limit', '/next complete'], `crash after ${crash}`);
    if (crash <= told - 2) assert.deepEqual(run.others, undisturbed.others, `crash after ${crash}`);
  }
});

test('so is a stream of HTTP/2 that lasts too long, beside others that end', () => {
  const drops = Array.from({ length: 40 }, () => server(data(1, 'abc')));
  const beside = [client(asks(3)), server(answers(3)), server(data(3, 'x', true))];
  const steps = [
    client(Buffer.concat([PREFACE, http2Frame(4, 0, 0), asks(1)])),
    server(Buffer.concat([http2Frame(4, 0, 0), answers(1)])),
    ...[...drops.slice(0, 36), ...beside, ...drops.slice(36)],
    ...[server(data(1, '', true)), client(asks(5)), server(answers(5, {}, 5))],
  ];
  const log = inOrder(
    frames('http2', steps).map((frame, n) => ({ frame, minute: n })),
    chatter(0, 50),
  );
  const undisturbed = new Run();
  undisturbed.feed(log, 0, log.length);
  assert.deepEqual(undisturbed.others, ['/1 complete', '/1 limit', '/3 complete', '/5 complete']);
  const long = undisturbed.exchanges.filter(({ path }) => path === '/1');
  assert.deepEqual(
    long.map(({ provisional, responseBytes }) => [provisional, responseBytes === 120]),
    [
      [true, false],
      [false, true],
    ],
  );
  assert.equal(new Set(long.map(({ exchangeId }) => exchangeId)).size, 1, 'under the same id');
  assert.equal(undisturbed.progress.offset, log.length);
  const told = log.findIndex(({ minute }) => minute >= 31);
  for (let crash = 1; crash < log.length; crash++) {
    const run = new Run();
    run.feed(log, 0, crash);
    if (crash === told + 3) assert.ok(run.progress.offset > crash - 4, 'the long stream holds nothing back any more');
    run.feed(log, run.takeOver(), log.length);
    const others = run.others.filter((each) => each !== '/1 complete');
    assert.deepEqual(others, ['/1 limit', '/3 complete', '/5 complete'], `crash after ${crash}`);
  }
});

test('a request that asks for HTTP/2 and is answered when it was already told of', () => {
  const settings = http2Frame(4, 0, 0);
  const asking = 'GET /asked HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\nhttp2-settings: \r\n\r\n';
  const switching = Buffer.concat([Buffer.from('HTTP/1.1 101 S\r\nupgrade: h2c\r\n\r\n'), settings]);
  const steps = [
    client(asking),
    ...Array.from({ length: 3 }, () => server('HTTP/1.1 102 Processing\r\n\r\n')),
    server(switching),
    client(Buffer.concat([PREFACE, settings, asks(3)])),
    server(answers(3)),
    server(Buffer.concat([answers(1), data(3, 'x', true)])),
    server(data(1, 'abc', true)),
    client(asks(5)),
    server(answers(5, {}, 5)),
  ];
  const log = inOrder(
    frames('h2c', steps).map((frame, n) => ({ frame, minute: n < 4 ? 10 * n : 31 + n })),
    chatter(0, 50),
  );
  const undisturbed = new Run();
  undisturbed.feed(log, 0, log.length);
  assert.deepEqual(undisturbed.others, ['/3 complete', '/5 complete', '/asked complete', '/asked limit']);
  const asked = undisturbed.exchanges.filter(({ path }) => path === '/asked');
  assert.deepEqual(
    asked.map(({ provisional, protocol, responseBytes }) => [provisional, protocol, responseBytes]),
    [
      [true, 'http/1.1', 0],
      [false, 'h2', 3],
    ],
  );
  assert.equal(new Set(asked.map(({ exchangeId }) => exchangeId)).size, 1, 'under the same id');
  assert.equal(undisturbed.progress.offset, log.length);
  const told = log.findIndex(({ minute }) => minute >= 31);
  const switched = log.findIndex(({ frame }) => frame.payload.includes('101 S'));
  for (let crash = 1; crash < log.length; crash++) {
    const run = new Run();
    run.feed(log, 0, crash);
    if (crash > told + 2) assert.ok(run.progress.offset > crash - 9, `crash after ${crash}: it holds nothing back`);
    run.feed(log, run.takeOver(), log.length);
    // Who takes over in between doesn't know the request: its row stays as it is, and the answer is no other's.
    const others = run.others.filter((each) => each !== '/asked complete');
    const answer = crash > told && crash <= switched ? [' complete'] : [];
    assert.deepEqual(others, [...answer, '/3 complete', '/5 complete', '/asked limit'], `crash after ${crash}`);
  }
});

test('a call is told of with what it said so far, and reading it twice changes nothing', () => {
  const body = JSON.stringify({ model: 'gpt-5', stream: true, messages: [{ role: 'user', content: 'Hi' }] });
  const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: api.openai.com\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n';
  const chunk = (text: string) => server(`${text.length.toString(16)}\r\n${text}\r\n`);
  const event = (content: string, finish: string | null) => {
    const choices = [{ index: 0, delta: { content }, finish_reason: finish }];
    return chunk(`data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', model: 'gpt-5', choices })}\n\n`);
  };
  const words = Array.from({ length: 40 }, (_, n) => event(`w${n} `, n === 39 ? 'stop' : null));
  const steps = [client(request), server(head), ...words, chunk('data: [DONE]\n\n'), server('0\r\n\r\n')];
  const log = inOrder(
    frames('stream', steps).map((frame, n) => ({ frame, minute: n })),
    chatter(0, 50),
  );
  const run = new Run();
  run.feed(log, 0, log.length);
  const [partial, whole, ...more] = run.observations.flatMap((each) => (each.type === 'call' ? [each.call] : []));
  assert.equal(more.length, 0);
  assert.equal(partial?.callId, whole?.callId);
  assert.deepEqual([partial?.provisional, partial?.completeness], [true, 'truncated']);
  assert.match(partial!.answerPreview, /^w0 w1 w2 /);
  const quick = new PartitionReassembler({ ...options, limits: null }, masker, null);
  for (const { frame } of log) quick.feed(frame, 0);
  const [undisturbed] = quick.takeReady().flatMap((each) => (each.type === 'call' ? [each.call] : []));
  assert.deepEqual(whole, undisturbed);
});

test('a tunnel leaves its exchange at once, and only a word in the checkpoint', () => {
  const upgrade = 'GET /socket HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const opaque = Array.from({ length: 5 }, () => [client('xx'), server('GET /phantom HTTP/1.1\r\n\r\n')]).flat();
  const log = frames('tunnel', [client(upgrade), server(accepted), ...opaque]).map((frame) => ({ frame, minute: 0 }));
  for (let crash = 1; crash <= log.length; crash++) {
    const run = new Run();
    run.feed(log, 0, crash);
    if (crash > 1) assert.equal(run.progress.offset, crash);
    run.feed(log, run.takeOver(), log.length);
    assert.deepEqual(run.others, ['/socket complete']);
    assert.equal(run.progress.offset, log.length);
    assert.deepEqual(
      [...decodeCheckpoint(run.progress.metadata)!.values()].map(({ state }) => state),
      ['ignored'],
    );
  }
});

test('a publisher whose clock is a year ahead ends nobody', () => {
  const open = frames('open', [client('GET /open HTTP/1.1\r\nhost: h\r\n\r\n'), server(RESPONSE)]);
  const log = [
    { frame: open[0]!, minute: 0 },
    { ...chatter(0, 1)[0]!, minute: 365 * 24 * 60 },
    { frame: open[1]!, minute: 1 },
  ];
  const run = new Run();
  run.feed(log, 0, log.length);
  assert.deepEqual(run.others, ['/open complete']);
});

test('when frames were deleted before they were read, nothing is assumed of the connections that go on', () => {
  // What follows the hole looks like a request, but is the middle of a body.
  const steps = [client('POST /b HTTP/1.1\r\ncontent-length: 200\r\n\r\n'), client('x'.repeat(20))];
  const log = frames('hole', [...steps, client('y'.repeat(50)), client('GET /phantom HTTP/1.1\r\nhost: h\r\nx: y')]);
  const before = new PartitionReassembler(options, masker, null);
  log.slice(0, 2).forEach((frame, offset) => {
    before.feed(frame, offset);
  });
  const { metadata } = before.progress(2);
  const after = new PartitionReassembler(options, masker, decodeCheckpoint(metadata));
  after.recordsLost();
  after.feed(log[3]!, 3);
  assert.equal(after.httpStats.headBytes, 0);
  // A successor is told that the connection was joined in its middle.
  const told = decodeCheckpoint(after.progress(4).metadata)!;
  assert.deepEqual(
    [...told.values()].map(({ state }) => state),
    ['unsynced'],
  );
});

/** A WebSocket frame with a short text, unmasked; masked with a key of zeros for the client. */
function socketFrame(json: object, masked: boolean): Buffer {
  const text = Buffer.from(JSON.stringify(json));
  const mask = masked ? Buffer.alloc(4) : Buffer.alloc(0);
  const size = Buffer.from([0x81, (masked ? 0x80 : 0) | 0x7e, text.length >> 8, text.length & 0xff]);
  assert.ok(text.length > 125);
  return Buffer.concat([size, mask, text]);
}

test('a response over WebSocket that lasts too long is stored as it stands, and the connection goes on with the next one', () => {
  const upgrade = 'GET /v1/responses HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const accepted = 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n';
  const padding = 'x'.repeat(100);
  const create = client(socketFrame({ type: 'response.create', model: 'm', input: padding }, true));
  const event = (type: string, id: string) =>
    server(socketFrame({ type, response: { id, output: [] }, padding }, false));
  const drops = Array.from({ length: 40 }, () => event('response.in_progress', 'r1'));
  const next = [
    event('response.completed', 'r1'),
    create,
    event('response.created', 'r2'),
    event('response.completed', 'r2'),
  ];
  const steps = [client(upgrade), server(accepted), create, event('response.created', 'r1'), ...drops, ...next];
  const log = inOrder(
    frames('long', steps).map((frame, n) => ({ frame, minute: n })),
    chatter(0, 60),
  );
  const outcomes = (run: Run): string[] => {
    const calls = run.observations.flatMap((each) => (each.type === 'call' ? [each.call] : []));
    return [...new Set(calls.map(({ responseId, completeness }) => `${responseId} ${completeness}`))].sort();
  };
  const undisturbed = new Run();
  undisturbed.feed(log, 0, log.length);
  assert.deepEqual(outcomes(undisturbed), ['r1 truncated', 'r2 full']);
  assert.equal(undisturbed.progress.offset, log.length);
  for (let crash = 1; crash < log.length; crash += 7) {
    const run = new Run();
    run.feed(log, 0, crash);
    run.feed(log, run.takeOver(), log.length);
    assert.deepEqual(outcomes(run), ['r1 truncated', 'r2 full'], `crash after ${crash}`);
  }
});

test('what waits for another probe is not held by a partition that has become quiet', () => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345';
  const steps = [client('GET /gap HTTP/1.1\r\nhost: h\r\n\r\n'), server(answer), server('90', 3), fin('server')];
  const log = framesOf(steps, { stepsPerFrame: 1, close: 'fin' });
  const merge = { ...MERGE_DEFAULTS, several: true };
  const partition = new PartitionReassembler({ ...options, merge }, masker, null);
  for (const [offset, frame] of log.entries()) partition.feed(frame, offset, START_MS + offset);
  assert.ok(partition.progress(log.length).offset < log.length, 'the other probe may have the bytes');
  partition.quiet(MERGE_DEFAULTS.waitMs / 2);
  assert.deepEqual(partition.takeReady(), []);
  partition.quiet(2 * MERGE_DEFAULTS.waitMs);
  const [told] = partition.takeReady();
  assert.ok(told?.type === 'exchange' && told.exchange.completeness === 'gap');
  assert.equal(partition.progress(log.length).offset, log.length);
});

test('a break in which nobody could publish is no time in which another probe could have brought its bytes', () => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12345';
  const ask = client('GET /break HTTP/1.1\r\nhost: h\r\n\r\n');
  const seenBy = (probe: string, steps: readonly Step[]): Frame[] =>
    framesOf(steps, { stepsPerFrame: 1, close: 'fin' }).map((frame) => ({ ...frame, probe }));
  const one = seenBy('mirror-a', [ask, server(answer), server('90', 3), fin('server')]);
  const other = seenBy('mirror-b', [ask, server(`${answer}67890`), fin('server')]);
  const partition = new PartitionReassembler({ ...options, merge: { ...MERGE_DEFAULTS, several: true } }, masker, null);
  const told: Observation[] = [];
  // The broker was away for half a minute between the two; each began to publish again with something else.
  const log = [
    ...one.map((frame) => ({ frame, atMs: START_MS })),
    { frame: chatter(0, 1)[0]!.frame, atMs: START_MS + 30_000 },
  ];
  log.push(...other.map((frame) => ({ frame, atMs: START_MS + 30_100 })));
  for (const [offset, { frame, atMs }] of log.entries()) {
    partition.feed(frame, offset, atMs);
    told.push(...partition.takeReady());
  }
  assert.deepEqual(
    told.map((each) => each.type === 'exchange' && each.exchange.completeness),
    ['full'],
  );
});

/** The stages as processes on a real broker and a real ClickHouse: what they show of themselves, and that they end in time. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { after, afterEach, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { FRAMES } from '../../schemas/topics.ts';
import { client, server } from '../../services/http/testing.ts';
import { KafkaBus } from '../../services/kafka/index.ts';
import { testOptions, textTopic } from '../../services/kafka/test-support.ts';
import type { StageProcess } from '../faults/processes.ts';
import { STOP_TIMEOUT_MS } from '../faults/processes.ts';
import { System } from '../faults/system.ts';
import { GENERATOR_DEFAULTS, generate } from '../generator/generate.ts';
import { missingTools } from '../kafka/distribution.ts';
import type { Manifest } from '../manifest.ts';
import { stepsPcap } from '../wire/steps-pcap.ts';

const missing = missingTools();
const skip = missing.length > 0 && process.env.CI !== 'true' ? `no broker: ${missing.join(', ')} missing` : false;
if (skip !== false) console.error(`SKIPPED: tests of the stages need ${missing.join(', ')} on the PATH.`);

const SESSION_TIMEOUT_MS = 6_000;
const STALL_MS = 2_000;
/** So small that an outage fills it at once. */
const QUEUE_BYTES_MAX = 20_000;
/** Records are handed to a stage in batches: one may come on top of the queue. */
const BATCH_BYTES_MAX = 4_000_000;
const MEMORY_GROWTH_BYTES_MAX = 150_000_000;
const OUTAGE_MS = 12_000;
/** For what takes some seconds, on a busy machine. */
const PATIENCE_MS = 120_000;
/** A text that only a record has which nobody can read. */
const POISON = 'a-planted-text-that-is-no-frame';

let system: System;
let reassembler: StageProcess;
let sink: StageProcess;
/** Everything that a stage has said over HTTP. */
const said: string[] = [];

before(async () => {
  if (skip !== false) return;
  const env = {
    BITTERN_OBSERVE_STALL_MS: String(STALL_MS),
    BITTERN_CLICKHOUSE_QUEUE_BYTES_MAX: String(QUEUE_BYTES_MAX),
  };
  system = await System.open({ partitions: 3, sessionTimeoutMs: SESSION_TIMEOUT_MS, env });
  reassembler = system.stage('reassembler', ['reassembler']);
  sink = system.stage('sink', ['sink', 'clickhouse']);
});
// A test that fails in the middle of a fault must not fail those after it.
afterEach(async () => {
  if (skip !== false) return;
  system.broker.freeze(false);
  await system.gate.set('open');
});
after(() => system?.close());

const options = { skip, timeout: 400_000 };

/** What was sent, by every test so far. */
const sent: Manifest[] = [];

async function publish(calls: number): Promise<Manifest> {
  const seed = sent.length + 1;
  const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, seed, calls, midStream: 0 });
  sent.push(manifest);
  const file = path.join(system.folder, `${seed}.pcap`);
  await writeFile(file, pcap);
  await system.run(['replay', file, '--kafka'], { BITTERN_CAPTURE_NETWORK: `n${seed}` });
  return manifest;
}

async function get(stage: StageProcess, route: string): Promise<{ status: number; body: string }> {
  const answer = await fetch((await stage.health) + route);
  const body = await answer.text();
  said.push(body);
  return { status: answer.status, body };
}

/** Values by `name{labels}`. */
async function metricsOf(stage: StageProcess): Promise<Map<string, number>> {
  const { body } = await get(stage, '/metrics');
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]),
  );
}

async function reasonsOf(stage: StageProcess): Promise<string[]> {
  const { status, body } = await get(stage, '/readyz');
  const { reasons } = JSON.parse(body) as { reasons: { reason: string }[] };
  assert.equal(status, reasons.length === 0 ? 200 : 503);
  return reasons.map(({ reason }) => reason);
}

interface LagRow {
  readonly topic: string;
  readonly group: string;
  readonly end: number;
  readonly lag: number;
  readonly producedPerSecond: number;
  readonly consumedPerSecond: number;
  readonly oldestInFlightSeconds: number;
}

async function lagRows(seconds: number): Promise<LagRow[]> {
  const lines = (await system.run(['lag', '--json', '--sample', String(seconds)])).trim().split('\n');
  return lines.map((line) => JSON.parse(line) as LagRow);
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS} ms in vain: ${what}`);
    await sleep(200);
  }
}

const ready = (stage: StageProcess) => async (): Promise<boolean> => (await reasonsOf(stage)).length === 0;
const red = (stage: StageProcess, reason: string) => async (): Promise<boolean> =>
  (await reasonsOf(stage)).includes(reason);

test('the metrics of the stages add up to what was sent, and lag is shown by partition', options, async () => {
  const published = await publish(80);
  await startBoth();
  const calls = published.calls.length;
  await until(
    'all is stored',
    async () => (await metricsOf(sink)).get('bittern_sink_rows_total{table="calls"}') === calls,
  );
  await until('all is committed', async () => (await system.lag()) === 0);
  const [first, second] = [await metricsOf(reassembler), await metricsOf(sink)];
  assert.equal(first.get('bittern_reassembler_calls_total'), calls);
  assert.equal(first.get('bittern_reassembler_exchanges_total'), published.exchanges.length);
  assert.equal(second.get('bittern_sink_added_total'), second.get('bittern_sink_acknowledged_total'));
  const sent = first.get('bittern_producer_records_total{topic="bittern.calls.v1"}') ?? 0;
  assert.equal(sent, calls + published.exchanges.length);
  assert.equal(second.get('bittern_consumer_records_total{topic="bittern.calls.v1"}'), sent);
  assert.equal(second.get('bittern_consumer_batch_records_sum{topic="bittern.calls.v1"}'), sent);
  const rows = await lagRows(0);
  const handled = rows.reduce((sum, row) => sum + (row.topic === FRAMES.name ? row.end : 0), 0);
  assert.equal(first.get('bittern_consumer_records_total{topic="bittern.frames.v1"}'), handled);
  await until('the reassembler knows that nothing is behind', async () => {
    const lags = [...(await metricsOf(reassembler))].filter(([name]) =>
      name.startsWith('bittern_consumer_lag_records'),
    );
    return lags.length === 3 && lags.every(([, lag]) => lag === 0);
  });
});

test('lag, rates and the oldest record in flight are shown while nobody reads', options, async () => {
  await startBoth();
  await sink.kill();
  const before = await system.lag();
  let looking = true;
  const looked = lagRows(6).finally(() => {
    looking = false;
  });
  while (looking) await publish(20);
  const rows = await looked;
  const frames = rows.filter((row) => row.topic === FRAMES.name);
  assert.ok(
    frames.some((row) => row.producedPerSecond > 0 && row.consumedPerSecond > 0),
    JSON.stringify(frames),
  );
  await until('observations wait', async () => (await system.lag()) > before + 20);
  await sleep(1_500);
  const waiting = await lagRows(1);
  const old = waiting.filter((row) => row.group === 'clickhouse' && row.lag > 0);
  assert.ok(old.length > 0 && old.every((row) => row.oldestInFlightSeconds > 1 && row.oldestInFlightSeconds < 120));
  assert.ok(old.every((row) => row.consumedPerSecond === 0));
  assert.match(await system.run(['lag', '--sample', '0']), /TOPIC +GROUP +PARTITION .*IN\/S +OUT\/S +OLDEST/);
  sink.start();
  await until('it drains', async () => (await system.lag()) === 0);
});

test('a record that nobody can read is counted by reason, and stands in no log', options, async () => {
  await startBoth();
  const bus = await KafkaBus.open(testOptions(system.broker));
  const producer = bus.producer(textTopic(FRAMES.name));
  await producer.publish('a key', POISON);
  await producer.flush();
  await bus.close();
  await until('it is counted', async () => {
    const letters = [...(await metricsOf(reassembler))].filter(([name]) => name.startsWith('bittern_consumer_dead'));
    return letters.length === 1 && letters[0]![1] === 1 && /reason="BIT_\w+"/.test(letters[0]![0]);
  });
});

test(
  'health turns red while ClickHouse is away and while the brokers are stuck, and green again',
  options,
  async () => {
    await startBoth();
    await system.gate.set('closed');
    await until('the sink says why', red(sink, 'store_down'));
    await publish(60);
    await until('and that work waits for it', red(sink, 'sink_stalled'));
    assert.deepEqual(await reasonsOf(reassembler), []);
    assert.equal((await metricsOf(sink)).get('bittern_store_up'), 0);
    await system.gate.set('open');
    await until('the sink is well again', ready(sink));
    system.broker.freeze(true);
    await until('the brokers are missed', red(reassembler, 'not_in_group'));
    await until('by the sink too', red(sink, 'not_in_group'));
    assert.equal((await get(reassembler, '/livez')).status, 200);
    system.broker.freeze(false);
    await until('both are well again', async () => (await ready(reassembler)()) && ready(sink)());
    await until('everything is stored', async () => (await system.lag()) === 0);
  },
);

test('while ClickHouse is away the lag grows, memory stays bounded, and afterwards it drains', options, async () => {
  await startBoth();
  await until('all is committed', async () => (await system.lag()) === 0);
  const before = (await metricsOf(sink)).get('process_resident_memory_bytes') ?? 0;
  await system.gate.set('closed');
  const lags: number[] = [];
  const began = Date.now();
  while (Date.now() - began < OUTAGE_MS || lags.length < 3) {
    await publish(100);
    lags.push(await system.lag());
    const metrics = await metricsOf(sink);
    assert.ok((metrics.get('bittern_sink_queued_bytes') ?? 0) < QUEUE_BYTES_MAX + BATCH_BYTES_MAX);
    const grown = (metrics.get('process_resident_memory_bytes') ?? 0) - before;
    assert.ok(grown < MEMORY_GROWTH_BYTES_MAX, `the sink grew by ${grown} bytes`);
  }
  assert.ok(lags.length >= 2 && lags.at(-1)! > lags[0]!, lags.join());
  await system.gate.set('open');
  await until('it drains', async () => (await system.lag()) === 0);
  assert.deepEqual(await storedCalls(), sentCalls());
});

test('nothing that the stages say holds a credential or a word of the traffic', options, async () => {
  await startBoth();
  const query = "SELECT prompt_preview, answer_preview, path FROM calls WHERE prompt_preview != '' LIMIT 500";
  const rows = await (await system.store.client.query({ query, format: 'JSONEachRow' })).json<Record<string, string>>();
  const words = rows.flatMap((row) => [row.prompt_preview!, row.answer_preview!].filter((text) => text.length > 12));
  const credentials = sent.flatMap(({ capture }) => capture.credentials);
  const planted = [...credentials, POISON, ...words.map((text) => text.slice(0, 40))];
  assert.ok(credentials.length > 0 && words.length > 20);
  const logs = [reassembler, sink].map((stage) => readFileSync(stage.logFile, 'utf8'));
  for (const line of logs.join('').trim().split('\n')) assert.equal(typeof JSON.parse(line).msg, 'string');
  const everything = [...said, ...logs].join('\n');
  const password = new URL(system.settings.env.CLICKHOUSE_URL ?? '').password;
  assert.ok(password.length > 8 && !everything.includes(password), 'the password of ClickHouse is told');
  assert.equal(
    planted.findIndex((text) => everything.includes(text)),
    -1,
  );
});

/** How long both take to end after SIGTERM, ms. */
async function stopBoth(): Promise<number> {
  const began = performance.now();
  const inTime = await Promise.all([reassembler.stop(), sink.stop()]);
  assert.deepEqual(inTime, [true, true], `one did not end within ${STOP_TIMEOUT_MS} ms`);
  return performance.now() - began;
}

async function startBoth(): Promise<void> {
  reassembler.start();
  sink.start();
  await until('both are ready', async () => (await ready(reassembler)()) && ready(sink)());
}

test(
  'SIGTERM ends the stages in time while ClickHouse hangs and the brokers are stuck, and loses nothing',
  options,
  async () => {
    await startBoth();
    await system.gate.set('hung');
    await publish(60);
    await until('the sink waits', red(sink, 'sink_stalled'));
    system.broker.freeze(true);
    await sleep(500);
    await stopBoth();
    system.broker.freeze(false);
    await system.gate.set('open');
    await startBoth();
    await until('it drains', async () => (await system.lag()) === 0);
  },
);

test('a sink that starts while ClickHouse is away waits for it, and then works', options, async () => {
  await startBoth();
  await sink.stop();
  await system.gate.set('closed');
  await publish(30);
  const before = readFileSync(sink.logFile, 'utf8').length;
  sink.start();
  const said = (): string => readFileSync(sink.logFile, 'utf8').slice(before);
  await until('it says that it waits', async () => said().includes('Waiting for ClickHouse'));
  await sleep(1_500);
  assert.ok(sink.running, 'it has ended');
  await system.gate.set('open');
  await until('it drains', async () => (await system.lag()) === 0);
  assert.deepEqual(await storedCalls(), sentCalls());
});

test('SIGTERM ends the stages in time right after the broker came back', options, async () => {
  await startBoth();
  for (const sinceMs of [0, 1_000]) {
    await system.broker.kill();
    await sleep(1_500);
    await system.broker.start();
    await sleep(sinceMs);
    await stopBoth();
    await startBoth();
  }
  await until('it drains', async () => (await system.lag()) === 0);
  assert.deepEqual(await storedCalls(), sentCalls());
});

test('a call that is larger than a record may be is stored whole', options, async () => {
  await startBoth();
  // Of both together a record can't be made; no letter repeats what another request brought.
  const [asked, answered] = ['a', 'b'].map((letter) => letter.repeat(14_000_000));
  const request = JSON.stringify({ model: 'm', max_tokens: 9, messages: [{ role: 'user', content: asked }] });
  const usage = { input_tokens: 1, output_tokens: 2 };
  const content = [{ type: 'text', text: answered }];
  const answer = JSON.stringify({
    id: 'msg_large',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content,
    stop_reason: 'end_turn',
    usage,
  });
  const head = (line: string, body: string) =>
    `${line}\r\nhost: api\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  const steps = [client(head('POST /v1/messages HTTP/1.1', request)), server(head('HTTP/1.1 200 OK', answer))];
  const file = path.join(system.folder, 'large.pcap');
  await writeFile(file, stepsPcap([steps]));
  await system.run(['replay', file, '--kafka'], { BITTERN_CAPTURE_NETWORK: 'large' });
  await until('it drains', async () => (await system.lag()) === 0);
  const query = `SELECT completeness, response_id, kind, length(text) AS length FROM calls
    INNER JOIN contents ON contents.hash = calls.response_content OR has(calls.request_parts, contents.hash)
    WHERE network = 'large' ORDER BY kind`;
  const stored = await (await system.store.client.query({ query, format: 'JSONEachRow' })).json<
    Record<string, unknown>
  >();
  const call = { completeness: 'full', response_id: 'msg_large' };
  const message = JSON.stringify({ role: 'user', content: asked });
  assert.deepEqual(stored, [
    { ...call, kind: 'message', length: message.length },
    { ...call, kind: 'response', length: answer.length },
  ]);
});

interface Counted {
  readonly calls: number;
  readonly ids: number;
}

async function storedCalls(): Promise<Counted | undefined> {
  const answer = await system.store.client.query({
    query: 'SELECT count() AS calls, uniqExact(call_id) AS ids FROM calls',
    format: 'JSONEachRow',
  });
  const [stored] = await answer.json<Counted>();
  return stored;
}

function sentCalls(): Counted {
  const calls = sent.reduce((sum, manifest) => sum + manifest.calls.length, 0);
  return { calls, ids: calls };
}

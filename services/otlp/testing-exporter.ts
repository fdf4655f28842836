/** For tests: a store with a story in it, and exporters that send it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import type { Call } from '../../schemas/call.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callObservation } from '../clickhouse/testing.ts';
import type { StoredFacts } from '../tracker/facts.ts';
import { storedCall, Thread } from '../tracker/testing.ts';
import { Tracker } from '../tracker/tracker.ts';
import { CONTENT_TYPES } from './encoding.ts';
import { OtlpExporter } from './exporter.ts';
import type { OtlpOptions } from './options.ts';
import { postTo } from './post.ts';
import { startReceiver as openReceiver } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-otlp-'));
export let store: Store;
/** Also after a test that failed. */
const cleanups: (() => Promise<void>)[] = [];

const TABLES = ['calls', 'turn_rows', 'tool_call_rows', 'finding_rows', 'session_rows', 'tracker_state', 'otlp_state'];

/** A store for the tests of this file, empty before each. */
export function useStore(): void {
  before(async () => {
    store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  });
  after(async () => {
    await store.close();
    rmSync(dataDir, { recursive: true });
  });
  beforeEach(async () => {
    for (const table of TABLES) await store.client.command({ query: `TRUNCATE TABLE ${table}` });
  });
  afterEach(async () => {
    for (const close of cleanups.splice(0)) await close();
  });
}

export const startReceiver: typeof openReceiver = async (reply) => {
  const receiver = await openReceiver(reply);
  cleanups.push(receiver.close);
  return receiver;
};

export const APPLICATION_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
export const APPLICATION_SPAN = '00f067aa0ba902b7';
export const TRACEPARENT = `00-${APPLICATION_TRACE}-${APPLICATION_SPAN}-01`;

export async function put(
  calls: readonly StoredFacts[],
  change: (call: StoredFacts) => Partial<Call> = () => ({}),
): Promise<void> {
  const sink = new ClickHouseSink(store);
  await sink.add(calls.map((call) => callObservation({ ...storedCall(call), ...change(call) })));
  await sink.close();
  const tracker = new Tracker(store.client);
  await tracker.catchUp();
  await tracker.close();
}

/** A loop, a failed call, a failed tool, a side call, and an application that traces itself. */
function story(): { readonly calls: StoredFacts[]; readonly traced: Thread } {
  const main = new Thread({ session: 's1' })
    .user('Do all')
    .asks([{ name: 'bash', args: '{"c":1}', result: 'Error', error: true }]);
  for (let i = 0; i < 6; i++) main.asks([{ name: 'read', args: '{"p":1}', result: 'same' }]);
  main.answers('Done').user('More').fails({}).fails({});
  const title = new Thread({ session: 's1', thread: 'title' }, 0.2).side('title', { turnId: '' });
  const traced = new Thread({ session: 's2', thread: 't', agentId: 'shop' }, 100)
    .user('Buy')
    .asks([{ name: 'pay', result: 'ok' }])
    .answers('Bought');
  return { calls: [...main.calls, ...title.calls, ...traced.calls], traced };
}

export async function putStory(): Promise<Thread> {
  const { calls, traced } = story();
  await put(calls, (call) => (traced.calls.includes(call) ? { traceparent: TRACEPARENT } : {}));
  return traced;
}

const QUICK: Partial<OtlpOptions> = {
  // The fake receiver reads it.
  encoding: 'json',
  backfill: true,
  settleMs: 0,
  retryDelayMs: 5,
  retryDelayMsMax: 20,
  refusedDelayMs: 20,
  timeoutMs: 5000,
  metrics: false,
};

export function exporterTo(
  endpoint: string,
  options: Partial<OtlpOptions> = {},
  headers = new Map<string, string>(),
  told: string[] = [],
) {
  const encoding = options.encoding ?? QUICK.encoding!;
  const contentType = CONTENT_TYPES[encoding];
  const receiver = postTo({ endpoint, headers, contentType, ca: null, timeoutMs: 5000, userAgent: 'bittern/test' });
  const exporter = new OtlpExporter(store.client, receiver.post, { ...QUICK, ...options }, (line) => told.push(line));
  const close = async (): Promise<void> => {
    await exporter.close();
    receiver.close();
  };
  cleanups.push(close);
  return { exporter, close };
}

/** Sends all that is ready, by an exporter of its own. */
export async function sendAll(endpoint: string, options: Partial<OtlpOptions> = {}) {
  const { exporter, close } = exporterTo(endpoint, options);
  await exporter.catchUp();
  await close();
  return exporter.stats.get('traces')!;
}

export interface ViewRow {
  readonly start: string;
  readonly end: string;
  readonly TraceId: string;
  readonly SpanId: string;
  readonly ParentSpanId: string;
  readonly SpanName: string;
  readonly SpanKind: string;
  readonly ServiceName: string;
  readonly SpanAttributes: Readonly<Record<string, string>>;
  readonly StatusCode: string;
  readonly StatusMessage: string;
  readonly linkTraces: readonly string[];
  readonly linkSpans: readonly string[];
}

export async function viewRows(): Promise<ViewRow[]> {
  const query = `SELECT *, toString(toUnixTimestamp64Nano(Timestamp)) AS start, toString(toUnixTimestamp64Nano(Timestamp) + Duration) AS end,
    \`Links.TraceId\` AS linkTraces, \`Links.SpanId\` AS linkSpans FROM otel_traces ORDER BY TraceId, SpanId`;
  return (await store.client.query({ query, format: 'JSONEachRow' })).json();
}

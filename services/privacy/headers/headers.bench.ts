/**
 * What the headers of a call cost: `sh scripts/node.sh services/privacy/headers/headers.bench.ts`.
 *
 * Headers as an SDK sends them and a provider behind a CDN answers, ids, dates and limits new with every call, from some clients by
 * turns. Told are µs of CPU a call to make the texts, their size, and what they add to a call in ClickHouse: bytes on disk in merged
 * parts, as they are and as maps, and CPU of sink and engine together.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { cpuSecondsOf } from '../../../load-tests/bench/measure.ts';
import { ask } from '../../clickhouse/queries.ts';
import { ClickHouseSink } from '../../clickhouse/sink.ts';
import { openStore, type Store } from '../../clickhouse/store.ts';
import { callObservation, hexId, sampleCall } from '../../clickhouse/testing.ts';
import { privacyFrom, privacySection } from '../settings.ts';
import type { HeadFields } from './header-keeper.ts';

const CALLS = 20_000;
const CLIENTS = 5;
const ROUNDS = 5;
const KEY = Buffer.alloc(32, 1);

const id = (what: string, n: number): string => hexId(what, n);

function requestHead(n: number): HeadFields {
  const client = n % CLIENTS;
  const fields = {
    host: 'api.openai.com',
    accept: 'application/json',
    'user-agent': `OpenAI/JS 7.${client}.0`,
    'x-stainless-retry-count': '0',
    'x-stainless-lang': 'js',
    'x-stainless-package-version': `7.${client}.0`,
    'x-stainless-os': 'Linux',
    'x-stainless-arch': 'x64',
    'x-stainless-runtime': 'node',
    'x-stainless-runtime-version': 'v24.1.0',
    authorization: 'Bearer fp_0123456789abcdef',
    'content-type': 'application/json',
    'x-agent-id': `agent-${client}`,
    'x-session-id': id('session', n >> 5),
    traceparent: `00-${id('trace', n)}-${id('span', n).slice(0, 16)}-01`,
    connection: 'keep-alive',
    'accept-language': '*',
    'sec-fetch-mode': 'cors',
    'accept-encoding': 'gzip, deflate',
    'content-length': String(40_000 + (n % 977)),
  };
  return { headers: new Map(Object.entries(fields)), partial: false };
}

function responseHead(n: number): HeadFields {
  const fields = {
    date: new Date(1_760_000_000_000 + n * 300).toUTCString(),
    'content-type': 'text/event-stream; charset=utf-8',
    'transfer-encoding': 'chunked',
    connection: 'keep-alive',
    'access-control-expose-headers': 'X-Request-ID',
    'openai-organization': 'example-org',
    'openai-processing-ms': String(200 + (n % 911)),
    'openai-version': '2020-10-01',
    'x-envoy-upstream-service-time': String(210 + (n % 911)),
    'x-ratelimit-limit-requests': '10000',
    'x-ratelimit-limit-tokens': '2000000',
    'x-ratelimit-remaining-requests': String(9999 - (n % 37)),
    'x-ratelimit-remaining-tokens': String(1_990_000 - (n % 9973)),
    'x-ratelimit-reset-requests': '6ms',
    'x-ratelimit-reset-tokens': `${n % 300}ms`,
    'x-request-id': `req_${id('request', n)}`,
    'strict-transport-security': 'max-age=31536000; includeSubDomains; preload',
    'cf-cache-status': 'DYNAMIC',
    'set-cookie': `fp_${id('cookie', n).slice(0, 16)}`,
    'x-content-type-options': 'nosniff',
    server: 'cloudflare',
    'cf-ray': `${id('ray', n).slice(0, 16)}-FRA`,
    'content-encoding': 'br',
    'alt-svc': 'h3=":443"; ma=86400',
  };
  return { headers: new Map(Object.entries(fields)), partial: false };
}

async function bytesOf(store: Store, table: string): Promise<number> {
  const query = `SELECT sum(column_data_compressed_bytes) AS bytes FROM system.parts_columns
    WHERE active AND table = {table:String} AND column IN ('request_headers', 'response_headers') AND database = currentDatabase()`;
  const [row] = await ask<{ bytes: string }>(store, query, { table });
  return Number(row!.bytes);
}

interface Stored {
  readonly bytes: number;
  readonly mapBytes: number;
  readonly cpuSeconds: number;
}

async function stored(texts: readonly (readonly [string, string])[]): Promise<Stored> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'bittern-headers-'));
  const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  try {
    const sink = new ClickHouseSink(store);
    const engine = store.enginePid() ?? 0;
    const [before, engineBefore] = [process.cpuUsage(), cpuSecondsOf(engine)];
    const observations = texts.map(([requestHeaders, responseHeaders], n) =>
      callObservation(sampleCall(n, { requestHeaders, responseHeaders })),
    );
    for (let at = 0; at < observations.length; at += 64) await sink.add(observations.slice(at, at + 64));
    await sink.close();
    const used = process.cpuUsage(before);
    const cpuSeconds = (used.user + used.system) / 1e6 + cpuSecondsOf(engine) - engineBefore;
    await store.client.command({ query: 'OPTIMIZE TABLE calls FINAL' });
    const type = 'Map(LowCardinality(String), String) CODEC(ZSTD(1))';
    await store.client.command({
      query: `CREATE TABLE maps (t DateTime64(6), id String, request_headers ${type}, response_headers ${type})
        ENGINE = MergeTree ORDER BY (t, id) AS SELECT request_start, call_id, request_header, response_header FROM calls`,
    });
    await store.client.command({ query: 'OPTIMIZE TABLE maps FINAL' });
    return { bytes: await bytesOf(store, 'calls'), mapBytes: await bytesOf(store, 'maps'), cpuSeconds };
  } finally {
    await store.close();
    await rm(dataDir, { recursive: true });
  }
}

const heads = Array.from({ length: CALLS }, (_, n) => [requestHead(n), responseHead(n)] as const);
const subject = { agentId: 'agent', host: 'api.openai.com', path: '/v1/chat/completions' };
let texts: (readonly [string, string])[] = [];
const micros: number[] = [];
for (let round = 0; round < ROUNDS; round++) {
  const privacy = privacyFrom(privacySection.parse({}), true, KEY, ['x-agent-id', 'x-session-id']);
  const before = process.cpuUsage();
  texts = heads.map(([request, response]) => {
    const { requestHeaders, responseHeaders } = privacy.heads(subject, request, response);
    return [requestHeaders, responseHeaders];
  });
  const used = process.cpuUsage(before);
  micros.push((used.user + used.system) / CALLS);
}
const chars = texts.reduce((sum, [a, b]) => sum + a.length + b.length, 0);
console.log(
  `texts: ${micros.map((each) => each.toFixed(1)).join(', ')} µs of CPU a call; ${Math.round(chars / CALLS)} bytes`,
);
const none = texts.map(() => ['', ''] as const);
for (let round = 0; round < ROUNDS; round++) {
  const without = await stored(none);
  const withThem = await stored(texts);
  const cost = ((withThem.cpuSeconds - without.cpuSeconds) / CALLS) * 1e6;
  console.log(
    `ClickHouse: ${Math.round(withThem.bytes / CALLS)} bytes on disk a call, ${Math.round(withThem.mapBytes / CALLS)} as maps; ${((without.cpuSeconds / CALLS) * 1e6).toFixed(0)} µs of CPU a call without headers, ${cost.toFixed(0)} µs more with them`,
  );
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Call } from '../../schemas/call.ts';
import { mapTable } from '../cli/commands/map.ts';
import { Tracker } from '../tracker/tracker.ts';
import { type ServiceEdge, serviceMap } from './service-map.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, type Store } from './store.ts';
import { callObservation, sampleCall } from './testing.ts';

const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-map-'));
const BITTERN = fileURLToPath(new URL('../../bittern', import.meta.url));
let store: Store;

before(async () => {
  store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
});
after(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});
beforeEach(async () => {
  for (const table of ['calls', 'call_hops', 'tracker_state'])
    await store.client.command({ query: `TRUNCATE TABLE ${table}` });
});

async function put(calls: readonly Call[]): Promise<void> {
  const sink = new ClickHouseSink(store);
  await sink.add(calls.map((call) => callObservation(call)));
  await sink.close();
}

const SILENT: Partial<Call> = { host: '10.0.0.2:8000', serverSoftware: '', responseId: '', agentId: 'a' };
const HEX = '0123456789abcdef';

/** What a server's answers look like → the software, and the first evidence. Shapes as each software's source makes them. */
const CASES: readonly (readonly [name: string, change: Partial<Call>, software: string, evidence: string | null])[] = [
  [
    'vLLM',
    { serverSoftware: 'uvicorn', responseId: `chatcmpl-${HEX}${HEX}` },
    'vllm',
    'vllm: response id chatcmpl- and hex digits, server uvicorn (1 calls)',
  ],
  [
    'vLLM, short ids',
    { serverSoftware: 'uvicorn', responseId: `chatcmpl-${HEX}` },
    'vllm',
    'vllm: response id chatcmpl- and hex digits, server uvicorn (1 calls)',
  ],
  [
    'SGLang',
    { serverSoftware: 'uvicorn', responseId: `${HEX}${HEX}` },
    'sglang',
    'sglang: response id of 32 hex digits, server uvicorn (1 calls)',
  ],
  [
    'Ollama over /v1',
    { responseId: 'chatcmpl-742' },
    'ollama',
    'ollama: response id chatcmpl- and up to 3 digits (1 calls)',
  ],
  ['Ollama', { path: '/api/chat' }, 'ollama', 'ollama: path (1 calls)'],
  [
    'llama.cpp',
    { serverSoftware: 'llama.cpp', responseId: 'chatcmpl-aB3dEfGhIjKlMnOpQrStUvWxYz012345' },
    'llama.cpp',
    'llama.cpp: server header (1 calls)',
  ],
  [
    'LiteLLM by its header, whatever it passes on',
    { gateway: 'litellm', serverSoftware: 'uvicorn', responseId: `chatcmpl-${HEX}` },
    'litellm',
    'litellm: response header of its own (1 calls)',
  ],
  [
    'LiteLLM by ids',
    { serverSoftware: 'uvicorn', responseId: 'chatcmpl-3f2a5b6c-1111-4222-8333-444455556666' },
    'litellm',
    'litellm: response id chatcmpl- and a UUID, server uvicorn (1 calls)',
  ],
  ['Envoy', { serverSoftware: 'envoy' }, 'envoy', 'envoy: server header (1 calls)'],
  ['Envoy by its header only', { gateway: 'envoy' }, 'envoy', 'envoy: response header of its own (1 calls)'],
  ['nginx', { serverSoftware: 'nginx/1.27.1 (Ubuntu)' }, 'nginx', 'nginx: server header (1 calls)'],
  ['a provider', { host: 'api.openai.com', serverSoftware: 'cloudflare' }, 'openai', 'openai: host (1 calls)'],
  ['Bedrock behind something', { responseId: 'msg_bdrk_01ABC' }, 'aws', 'aws: response id msg_bdrk_ (1 calls)'],
  ['a host that only ends like a provider', { host: 'notapi.openai.com.example' }, '', null],
  ['uvicorn alone', { serverSoftware: 'uvicorn', responseId: 'chatcmpl-mine' }, '', null],
  ['OpenAI ids without uvicorn', { responseId: `chatcmpl-${HEX}` }, '', null],
  ['nothing', {}, '', null],
];

test('software is named by evidence, and not at all without', async () => {
  await put(CASES.map(([, change], n) => sampleCall(n, { ...SILENT, ...change, serverPort: 8000 + n })));
  const edges = await serviceMap(store, 100);
  for (const [n, [name, , software, evidence]] of CASES.entries()) {
    const edge = edges.find(({ serverPort }) => serverPort === 8000 + n);
    assert.deepEqual([name, edge?.software, edge?.evidence[0] ?? null], [name, software, evidence]);
  }
  assert.equal(edges.length, CASES.length);
});

test('counts, times and what stands in front of a server', async () => {
  const vllm = { ...SILENT, serverSoftware: 'uvicorn', responseId: `chatcmpl-${HEX}` };
  await put([
    ...[0, 1, 2].map((n) => sampleCall(n, { ...vllm, outcome: n === 1 ? 'http_error' : 'ok', model: `m${n}` })),
    sampleCall(3, { ...vllm, serverSoftware: 'nginx', outcome: 'client_abort' }),
    sampleCall(4, { ...vllm, clientIp: '10.0.0.9' }),
  ]);
  const [edge, other] = await serviceMap(store, 100);
  assert.deepEqual([edge?.calls, edge?.errors, edge?.software, edge?.otherSoftware], [4, 1, 'vllm', ['nginx']]);
  assert.deepEqual(edge?.models, ['gpt-5-2026-01-01', 'm0', 'm1', 'm2']);
  assert.equal(edge!.lastSeen - edge!.firstSeen, 30_000);
  assert.deepEqual([other?.clientIp, other?.calls], ['10.0.0.9', 1]);
  assert.equal((await serviceMap(store, 1)).length, 1);
});

test('a gateway between: its clients, and its own calls', async () => {
  const front = sampleCall(0, {
    ...SILENT,
    upstreamRequestId: 'req_up',
    requestId: 'req_front',
    gateway: '',
    agentId: 'coder',
  });
  const back = sampleCall(1, {
    ...front,
    callId: 'b'.repeat(32) as Call['callId'],
    clientIp: '10.0.0.2',
    serverIp: '192.0.2.7',
    serverPort: 443,
    host: 'api.anthropic.com',
    clientName: 'litellm',
    requestId: 'req_up',
    upstreamRequestId: '',
  });
  await put([front, back]);
  const tracker = new Tracker(store.client);
  await tracker.catchUp();
  await tracker.close();
  const edges = await serviceMap(store, 100);
  const brief = ({ hop, clientIp, serverIp, software, forwardsTo }: ServiceEdge) => [
    hop,
    clientIp,
    serverIp,
    software,
    forwardsTo,
  ];
  assert.deepEqual(edges.map(brief), [
    [1, '10.0.0.1', '10.0.0.2', 'litellm', ['192.0.2.7:443']],
    [2, '10.0.0.2', '192.0.2.7', 'anthropic', []],
  ]);
  assert.match(
    mapTable(edges),
    /10\.0\.0\.2 \(gateway\)\s+coder\s+192\.0\.2\.7:443 \(api\.anthropic\.com\)\s+anthropic/,
  );
});

test('bittern map prints the lines', async () => {
  await put([sampleCall(0, { ...SILENT, responseId: 'chatcmpl-7', agentId: 'bot' })]);
  const run = promisify(execFile);
  const table = await run(BITTERN, ['map', '--data', dataDir]);
  assert.match(table.stdout, /^CLIENT +AGENT +SERVER/);
  assert.match(table.stdout, /10\.0\.0\.1 +bot +10\.0\.0\.2:443 \(10\.0\.0\.2:8000\) +ollama/);
  const { stdout } = await run(BITTERN, ['map', '--json', '--data', dataDir]);
  assert.equal((JSON.parse(stdout) as ServiceEdge).software, 'ollama');
});

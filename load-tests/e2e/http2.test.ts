/** Real clients over HTTP/2 in the clear, captured by tcpdump: what is stored equals what the server served. */
import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, constants } from 'node:http2';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { exchange } from '../../services/http/h2/testing.ts';
import { compare } from '../compare.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { startDumpIn, stopDump } from '../recorder/dump.ts';
import { expectedOf } from '../recorder/expected.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { goClient, goObstacle } from './http2-go.ts';
import { type Observed, observeCapture, rowsOf } from './observe.ts';

const SETTLE_MS = 400;
/** 16 MB come at once. */
const RING_KIB = 131_072;
/** Debian's, for which Debian's packages are. */
const PYTHON = '/usr/bin/python3';
const run = promisify(execFile);

function obstacle(...programs: readonly string[]): string | false {
  const missing = missingPrograms('tcpdump', ...programs);
  if (missing !== false || process.env.CI === 'true') return missing;
  return process.getuid?.() === 0 ? false : 'NOT TESTED: capturing needs root';
}

function pythonObstacle(): string | false {
  const found = spawnSync(PYTHON, ['-c', 'import httpx, h2'], { stdio: 'ignore' }).status === 0;
  return found || process.env.CI === 'true' ? obstacle() : 'NOT TESTED: python3-httpx and python3-h2 are not installed';
}

/** Captures what `work` does with the server, and compares. */
async function observed(work: (server: FakeLlm, folder: string) => Promise<void>): Promise<Observed> {
  return await withFolder(async (folder) => {
    const server = await startFakeLlm({ http2: true });
    const file = path.join(folder, 'http2.pcap');
    const dump = await startDumpIn(RING_KIB, file, server.port);
    try {
      await work(server, folder);
      await sleep(SETTLE_MS);
    } finally {
      await server.close();
      await sleep(SETTLE_MS);
      await stopDump(dump);
    }
    const pcap = readFileSync(file);
    assert.equal(pcap.includes('PRI * HTTP/2.0'), true);
    const seen = await observeCapture(pcap);
    const capture = {
      type: 'capture',
      source: {},
      packets: 0,
      lost_packets: 0,
      connections: 1,
      credentials: [],
    } as const;
    const manifest = { capture, ...expectedOf(server.served) };
    assert.ok(manifest.calls.length > 0);
    assert.deepEqual(compare(manifest, rowsOf(seen)).differences, []);
    assert.equal(seen.exchanges.length, manifest.exchanges.length);
    for (const { protocol } of [...seen.calls, ...seen.exchanges]) assert.equal(protocol, 'h2');
    return seen;
  });
}

const chat = (text: string, model = 'fake-parallel', stream = true): string =>
  JSON.stringify({ model, stream, messages: [{ role: 'user', content: text }] });
const POST = { ':method': 'POST', ':path': '/v1/chat/completions', 'content-type': 'application/json' };

test('Node: 100 streams at a time, a body of 16 MB, streams that are given up', { skip: obstacle() }, async () => {
  const seen = await observed(async (server) => {
    const session = connect(server.url);
    const headers = (n: number) => ({
      ...POST,
      'x-agent-id': `agent-${n % 7}`,
      authorization: `Bearer sk-made-up-${n % 3}`,
    });
    await Promise.all(Array.from({ length: 100 }, (_, n) => exchange(session, headers(n), chat(`question ${n}`))));
    await exchange(session, headers(1), chat('x'.repeat(16_000_000), 'fake-parallel', false));
    const given = Array.from({ length: 5 }, (_, n) => {
      const stream = session.request({ ...headers(n), 'x-session-id': `given-${n}` });
      stream.on('data', () => stream.close(constants.NGHTTP2_CANCEL));
      stream.end(chat(`never mind ${n}`, 'fake-slow'));
      return new Promise((resolve) => stream.on('close', resolve));
    });
    await Promise.all(given);
    await exchange(session, { ':path': '/v1/models' }, '');
    await exchange(session, headers(2), chat('one more'));
    session.close();
  });
  assert.equal(seen.calls.length, 107);
  assert.equal(new Set(seen.calls.map(({ connectionId }) => connectionId)).size, 1);
  assert.equal(JSON.stringify(seen.calls).includes('sk-made-up'), false);
});

test("Python's httpx: parallel and streamed calls, one given up", { skip: pythonObstacle() }, async () => {
  const client = fileURLToPath(new URL('http2_client.py', import.meta.url));
  const seen = await observed(async (server) => {
    await run(PYTHON, [client, server.url], { timeout: 30_000 });
  });
  assert.equal(seen.calls.length, 16);
});

test("Go's golang.org/x/net/http2: 100 streams at a time, trailers, a body of 16 MB, resets", {
  skip: goObstacle() || obstacle(),
}, async () => {
  const client = await goClient();
  const seen = await observed(async (server) => {
    await run(client, [server.url], { timeout: 60_000 });
  });
  assert.equal(seen.calls.length, 107);
  assert.equal(new Set(seen.calls.map(({ connectionId }) => connectionId)).size, 1);
  assert.equal(seen.calls.filter(({ outcome }) => outcome === 'client_abort').length, 5);
  assert.equal(JSON.stringify(seen.calls).includes('sk-made-up'), false);
});

test('curl and nghttp', { skip: obstacle('curl', 'nghttp') }, async () => {
  const seen = await observed(async (server, folder) => {
    const body = path.join(folder, 'body.json');
    writeFileSync(body, chat('by file'));
    const url = `${server.url}/v1/chat/completions`;
    const type = 'content-type: application/json';
    for (const text of ['curl', 'again']) {
      await run('curl', ['-sS', '--http2-prior-knowledge', '-H', type, '-d', chat(text), url]);
    }
    await run('nghttp', ['-n', '-d', body, '-H', type, url, url]);
  });
  assert.ok(seen.calls.length >= 3);
});

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { compare } from '../compare.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import type { Manifest } from '../manifest.ts';
import { expectedOf } from '../recorder/expected.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { bittern, type Running, sqlRows, startBittern } from './bittern.ts';

const SAMPLE = gunzipSync(readFileSync(fileURLToPath(new URL('../samples/demo.pcap.gz', import.meta.url))));
/** A call must be there so soon after its end. */
const VISIBLE_WITHIN_MS = 3_000;
/** For the last packets of a connection to come through. */
const SETTLE_MS = 300;

function obstacle(): string | false {
  const missing = missingPrograms('tcpdump');
  if (missing !== false || process.env.CI === 'true') return missing;
  return process.getuid?.() === 0 ? false : 'NOT TESTED: capturing needs root';
}

const filterOf = (server: FakeLlm): string => `tcp port ${server.port}`;

/** What was served, as a manifest without losses. */
function manifestOf(server: FakeLlm): Manifest {
  const connections = new Set(server.served.map((each) => each.clientPort)).size;
  const capture = { type: 'capture', source: {}, packets: 0, lost_packets: 0, connections, credentials: [] } as const;
  return { capture, ...expectedOf(server.served) };
}

async function useSdks(server: FakeLlm): Promise<void> {
  const openai = new OpenAI({
    baseURL: `${server.url}/v1`,
    apiKey: 'made-up-key-of-openai',
    maxRetries: 0,
    defaultHeaders: { 'x-agent-id': 'chatter', 'x-session-id': 'live-1' },
  });
  const messages = [{ role: 'user' as const, content: 'What is the weather in Oslo?' }];
  await openai.chat.completions
    .stream({ model: 'fake-parallel', messages, stream_options: { include_usage: true } })
    .finalChatCompletion();
  await openai.chat.completions.create({ model: 'fake-gzip', messages });
  await openai.responses.stream({ model: 'fake-reasoning', input: 'Two and two?' }).finalResponse();
  await assert.rejects(openai.chat.completions.create({ model: 'fake-429', messages }));
  const anthropic = new Anthropic({ baseURL: server.url, apiKey: 'made-up-key-of-anthropic', maxRetries: 0 });
  await anthropic.messages.stream({ model: 'fake-tool', max_tokens: 100, messages }).finalMessage();
}

async function usePlainClients(server: FakeLlm): Promise<void> {
  await Promise.all(
    Array.from({ length: 4 }, async (_, n) => {
      const answer = await fetch(`${server.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'x-agent-id': `plain-${n}` },
        body: JSON.stringify({
          model: 'gpt-4.1-mini',
          messages: [{ role: 'user', content: `Number ${n} ${'x'.repeat(n * 30_000)}` }],
        }),
      });
      await answer.json();
    }),
  );
  await (await fetch(`${server.url}/healthz`)).text();
}

/** Ctrl-C. */
async function interrupt(running: Running): Promise<void> {
  running.child.kill('SIGINT');
  await running.ended;
}

test('a live capture of real clients stores what was served, and says what the kernel dropped', {
  skip: obstacle(),
}, async () => {
  const server = await startFakeLlm();
  try {
    await withFolder(async (folder) => {
      const data = path.join(folder, 'data');
      const running = startBittern(['capture', '-i', 'lo', '--filter', filterOf(server), '--data', data, '--json']);
      await running.shows(/Capturing on lo/);
      await useSdks(server);
      await usePlainClients(server);
      await sleep(SETTLE_MS);
      await interrupt(running);
      const { code, stdout, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      const result = JSON.parse(stdout) as Record<string, unknown>;
      const manifest = manifestOf(server);
      assert.ok(manifest.calls.length >= 9);
      assert.deepEqual(result, {
        calls: manifest.calls.length,
        toolExecutions: 0,
        exchanges: manifest.exchanges.length,
        deadLetters: 0,
        droppedPackets: 0,
        failure: null,
      });
      assert.deepEqual(compare(manifest, await sqlRows(data, 'SELECT * FROM calls')).differences, []);
      assert.deepEqual(await sqlRows(data, "SELECT reason FROM capture_health WHERE reason NOT IN ('not_http')"), []);
    });
  } finally {
    await server.close();
  }
});

test('while `up` captures, a call is in the API soon after its end', { skip: obstacle() }, async (t) => {
  const server = await startFakeLlm();
  try {
    await withFolder(async (folder) => {
      const data = path.join(folder, 'data');
      const running = startBittern(['up', '-i', 'lo', '--filter', filterOf(server), '--port', '0', '--data', data]);
      t.after(() => running.child.kill('SIGKILL'));
      const [, url = ''] = await running.shows(/API on (http:\S+)/);
      await running.shows(/Capturing on lo/);
      const headers = { authorization: `Bearer ${readFileSync(path.join(data, 'api-token'), 'utf8').trim()}` };
      const openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'made-up', maxRetries: 0 });
      for (let n = 1; n <= 3; n++) {
        // On a connection that stays open: the call must not wait for its end.
        await openai.chat.completions.create({ model: 'gpt-4.1-mini', messages: [{ role: 'user', content: `${n}` }] });
        const ended = Date.now();
        for (let seen = 0; seen < n; ) {
          assert.ok(Date.now() - ended < VISIBLE_WITHIN_MS, `call ${n} isn't there after ${VISIBLE_WITHIN_MS} ms`);
          const answer = await fetch(`${url}/api/v1/calls`, { headers });
          assert.equal(answer.status, 200);
          seen = ((await answer.json()) as { calls: unknown[] }).calls.length;
          await sleep(50);
        }
      }
      await interrupt(running);
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(await sqlRows(data, 'SELECT count() AS calls FROM calls'), [{ calls: 3 }]);
    });
  } finally {
    await server.close();
  }
});

test('an interface that does not exist is told, ends with 1, and leaves what is stored', {
  skip: obstacle(),
}, async () => {
  await withFolder(async (folder) => {
    const data = path.join(folder, 'data');
    for (const command of ['capture', 'up']) {
      const port = command === 'up' ? ['--port', '0'] : [];
      const { code, stderr } = await bittern([command, '-i', 'nowhere0', ...port, '--data', data]);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /nowhere0/);
      assert.match(stderr, /Check the interface, the filter and the right to capture/);
      assert.doesNotMatch(stderr, /\n\s+at |Capturing on/);
    }
    assert.deepEqual(await sqlRows(data, 'SELECT count() AS calls FROM calls'), [{ calls: 0 }]);
  });
});

/** A folder with a `tcpdump` that says it listens, writes half the sample, goes on with `end`, and tells of drops when it is stopped. */
function fakeTcpdump(folder: string, end: string): string {
  const programs = path.join(folder, 'programs');
  const half = path.join(folder, 'half.pcap');
  writeFileSync(half, SAMPLE.subarray(0, SAMPLE.length / 2));
  const script = [
    '#!/bin/sh',
    'echo "tcpdump: listening on lo, link-type EN10MB" >&2',
    `cat '${half}'`,
    'trap \'printf "%s\\n" "2000 packets captured" "12 packets dropped by kernel" >&2; exit 0\' INT TERM',
    end,
  ];
  mkdirSync(programs);
  writeFileSync(path.join(programs, 'tcpdump'), script.join('\n'), { mode: 0o755 });
  return programs;
}

test('a capture tool that dies on the way is told with its reason; what it saw before is stored', async () => {
  await withFolder(async (folder) => {
    const data = path.join(folder, 'data');
    const programs = fakeTcpdump(folder, 'echo "tcpdump: pcap_loop: The interface disappeared" >&2; exit 1');
    const { code, stdout, stderr } = await bittern(['capture', '-i', 'lo', '--data', data, '--json'], { programs });
    assert.equal(code, 1);
    assert.match(stderr, /The interface disappeared/);
    const result = JSON.parse(stdout) as { calls: number; failure: string };
    assert.ok(result.calls > 5);
    assert.match(result.failure, /ended by itself/);
    assert.deepEqual(await sqlRows(data, 'SELECT count() AS calls FROM calls'), [{ calls: result.calls }]);
  });
});

test('packets that the kernel dropped are in the result, in the tables and in what people read', async () => {
  await withFolder(async (folder) => {
    const data = path.join(folder, 'data');
    const programs = fakeTcpdump(folder, 'while :; do sleep 0.1; done');
    const running = startBittern(['capture', '-i', 'lo', '--data', data], { programs });
    await running.shows(/Capturing on lo/);
    await sleep(SETTLE_MS);
    await interrupt(running);
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.match(stdout, /The kernel dropped 12 packets/);
    const dropped = await sqlRows(data, "SELECT sum(packets) AS packets FROM capture_health WHERE reason = 'kernel'");
    assert.deepEqual(dropped, [{ packets: 12 }]);
    assert.match((await bittern(['doctor', '--data', data])).stdout, /12 packets/);
  });
});

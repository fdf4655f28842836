import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { bittern, sqlRows, startBittern } from './bittern.ts';

/** For the last packets of a connection to come through. */
const SETTLE_MS = 500;

function obstacle(): string | false {
  const missing = missingPrograms('tcpdump');
  if (missing !== false || process.env.CI === 'true') return missing;
  return process.getuid?.() === 0 ? false : 'NOT TESTED: capturing needs root';
}

/** What gateways do: another model, a parameter more, headers of its own, its own key; the answer is passed on as it is. */
async function startGateway(upstream: FakeLlm): Promise<{ readonly port: number; close(): void }> {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += String(part);
    const body = { ...(JSON.parse(text) as Record<string, unknown>), model: 'gpt-5-mini', seed: 7 };
    const headers = {
      'content-type': 'application/json',
      authorization: 'Bearer key-of-the-gateway',
      'user-agent': 'gateway/1.0',
      traceparent: String(request.headers.traceparent),
    };
    const answer = await fetch(`${upstream.url}${request.url}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    response.writeHead(answer.status, { 'content-type': 'application/json', server: 'a-gateway' }).end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

test('a call that is mirrored before and behind a gateway is one call, and what the gateway changed in headers and body is shown', {
  skip: obstacle(),
}, async () => {
  const upstream = await startFakeLlm();
  const gateway = await startGateway(upstream);
  try {
    await withFolder(async (folder) => {
      const data = path.join(folder, 'data');
      const filter = `tcp port ${upstream.port} or tcp port ${gateway.port}`;
      const running = startBittern(['capture', '-i', 'lo', '--filter', filter, '--data', data]);
      await running.shows(/Capturing on lo/);
      const defaultHeaders = {
        'x-session-id': 'two-hops',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      };
      const client = new OpenAI({
        ...{
          baseURL: `http://127.0.0.1:${gateway.port}/v1`,
          apiKey: 'key-of-the-client',
          maxRetries: 0,
          defaultHeaders,
        },
      });
      await client.chat.completions.create({ model: 'gpt-5', messages: [{ role: 'user', content: 'Hello there' }] });
      await sleep(SETTLE_MS);
      running.child.kill('SIGINT');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);

      const [call, ...others] = await sqlRows(data, 'SELECT call_id, server_port FROM calls');
      assert.deepEqual([call?.server_port, others], [gateway.port, []]);
      const shown = await bittern(['call', String(call?.call_id), '--json', '--data', data]);
      const { hops } = JSON.parse(shown.stdout) as { hops: { facts: Named[]; body: Named[]; evidence: string }[] };
      assert.equal(hops.length, 1);
      const [hop] = hops;
      const facts = new Map(hop!.facts.map((each) => [each.name, each]));
      const [own, next] = [`127.0.0.1:${gateway.port}`, `127.0.0.1:${upstream.port}`];
      assert.deepEqual(facts.get('host'), { name: 'host', call: own, hop: next });
      assert.deepEqual(facts.get('session_id')?.call, 'two-hops');
      assert.deepEqual(facts.get('requested_model'), { name: 'requested_model', call: 'gpt-5', hop: 'gpt-5-mini' });
      assert.deepEqual(facts.get('server_software'), { name: 'server_software', call: 'a-gateway', hop: 'fake-llm' });
      assert.ok(facts.has('credential'), 'another key, told by its fingerprint');
      assert.ok(!facts.has('traceparent'), 'what is equal is not told');
      assert.deepEqual(hop!.body, [
        { name: 'model', call: 'gpt-5', hop: 'gpt-5-mini' },
        { name: 'seed', call: '–', hop: '7' },
      ]);
      const text = (await bittern(['call', String(call?.call_id), '--data', data])).stdout;
      assert.match(text, /body\.model: gpt-5 → gpt-5-mini/);
      assert.doesNotMatch(text + shown.stdout, /key-of-the-/);
    });
  } finally {
    gateway.close();
    await upstream.close();
  }
});

interface Named {
  readonly name: string;
  readonly call: string;
  readonly hop: string;
}

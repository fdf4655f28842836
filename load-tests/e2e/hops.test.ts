/** One call that is captured before and behind a gateway: counted once, and what the gateway changed is shown. */
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { bittern, sqlRows, startBittern } from './bittern.ts';
import { type Gateway, startNginx, startRewritingGateway } from './gateways.ts';

/** For the last packets of a connection to come through. */
const SETTLE_MS = 500;
const SECRETS = ['key-of-the-client', 'key-of-the-gateway', 'secret-of-the-gateway', 'tenant-of-the-client'];

function obstacle(...programs: readonly string[]): string | false {
  const missing = missingPrograms('tcpdump', ...programs);
  if (missing !== false || process.env.CI === 'true') return missing;
  return process.getuid?.() === 0 ? false : 'NOT TESTED: capturing needs root';
}

interface Named {
  readonly name: string;
  readonly change: string;
  readonly call: string;
  readonly hop: string;
}

type Section = 'facts' | 'requestHeaders' | 'responseHeaders' | 'body' | 'answer';
type Hop = Readonly<Record<Section, readonly Named[]>> & { readonly evidence: string };

interface Seen {
  readonly hop: Hop;
  /** As `bittern call` shows it. */
  readonly text: string;
  readonly gateway: Gateway;
  readonly upstream: FakeLlm;
}

/** Captures both sides of a gateway while `talk` makes one call through it, and checks that it is one call. */
async function captured(
  start: (upstream: FakeLlm, folder: string) => Promise<Gateway>,
  talk: (client: OpenAI) => Promise<unknown>,
  check: (seen: Seen) => void,
): Promise<void> {
  const upstream = await startFakeLlm();
  await withFolder(async (folder) => {
    const gateway = await start(upstream, folder);
    try {
      const data = path.join(folder, 'data');
      const filter = `tcp port ${upstream.port} or tcp port ${gateway.port}`;
      const running = startBittern(['capture', '-i', 'lo', '--filter', filter, '--data', data]);
      await running.shows(/Capturing on lo/);
      const defaultHeaders = {
        'x-session-id': 'two-hops',
        'x-tenant': 'tenant-of-the-client',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      };
      const baseURL = `http://127.0.0.1:${gateway.port}/v1`;
      await talk(new OpenAI({ baseURL, apiKey: 'key-of-the-client', maxRetries: 0, defaultHeaders }));
      await sleep(SETTLE_MS);
      running.child.kill('SIGINT');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      const [call, ...others] = await sqlRows(data, 'SELECT call_id, server_port FROM calls');
      assert.deepEqual([call?.server_port, others], [gateway.port, []]);
      const json = (await bittern(['call', String(call?.call_id), '--json', '--data', data])).stdout;
      const text = (await bittern(['call', String(call?.call_id), '--data', data])).stdout;
      const { hops } = JSON.parse(json) as { hops: Hop[] };
      assert.equal(hops.length, 1);
      for (const secret of SECRETS) assert.ok(!json.includes(secret) && !text.includes(secret), 'a secret is shown');
      check({ hop: hops[0]!, text, gateway, upstream });
    } finally {
      await gateway.close();
      await upstream.close();
    }
  });
}

const byName = (differences: readonly Named[]): ReadonlyMap<string, Named> =>
  new Map(differences.map((each) => [each.name, each]));
const changes = (differences: readonly Named[]): Record<string, string> =>
  Object.fromEntries(differences.map(({ name, change }) => [name, change]));
const FINGERPRINT = /^(?:Bearer )?fp_[0-9a-f]{16}$/;

test('what a gateway rewrites of a call is shown: headers, keys by their fingerprints, bodies, answers', {
  skip: obstacle(),
}, async () => {
  const question = { model: 'gpt-5', messages: [{ role: 'user' as const, content: 'Hello there' }] };
  await captured(
    startRewritingGateway,
    (client) => client.chat.completions.create(question),
    ({ hop, text, gateway, upstream }) => {
      const facts = byName(hop.facts);
      const [own, next] = [`127.0.0.1:${gateway.port}`, `127.0.0.1:${upstream.port}`];
      const changed = (name: string, call: string, hop: string): Named => ({ name, change: 'changed', call, hop });
      assert.deepEqual(facts.get('host'), changed('host', own, next));
      assert.deepEqual(facts.get('session_id')?.call, 'two-hops');
      assert.deepEqual(facts.get('requested_model'), changed('requested_model', 'gpt-5', 'gpt-5-mini'));
      assert.deepEqual(facts.get('server_software'), changed('server_software', 'a-gateway', 'fake-llm'));
      assert.ok(facts.has('credential'), 'another key, told by its fingerprint');
      for (const name of ['traceparent', 'input_tokens', 'status', 'answer_text_hash', 'response_id'])
        assert.ok(!facts.has(name), `${name} is equal`);

      const asked = byName(hop.requestHeaders);
      const { authorization } = Object.fromEntries(asked) as { authorization: Named };
      for (const value of [authorization.call, authorization.hop]) assert.match(value, FINGERPRINT);
      assert.notEqual(authorization.call, authorization.hop);
      assert.deepEqual(asked.get('x-forwarded-proto'), {
        ...{ name: 'x-forwarded-proto', change: 'added', call: '–', hop: 'https' },
      });
      assert.match(asked.get('x-upstream-secret')!.hop, FINGERPRINT);
      assert.equal(asked.get('x-session-id')?.change, 'removed');
      assert.equal(asked.get('user-agent')?.hop, 'gateway/1.0');
      for (const name of ['x-tenant', 'traceparent', 'content-type'])
        assert.ok(!asked.has(name), `${name} is passed on as it is`);

      const answered = byName(hop.responseHeaders);
      assert.deepEqual(answered.get('server'), changed('server', 'a-gateway', 'fake-llm'));
      assert.deepEqual(answered.get('x-litellm-model-id'), {
        ...{ name: 'x-litellm-model-id', change: 'added', call: 'm-1', hop: '–' },
      });
      assert.ok(!answered.has('content-type'));

      const body = byName(hop.body);
      assert.deepEqual(changes(hop.body), { model: 'changed', seed: 'added', 'messages[0]': 'added' });
      assert.deepEqual(body.get('seed'), { name: 'seed', change: 'added', call: '–', hop: '7' });
      assert.deepEqual(hop.answer, [changed('model', 'gpt-5', 'gpt-5-mini-2025-08-07')]);

      assert.match(text, /Request headers, client → next hop:\n(?: {4}.*\n)* {4}\+ x-forwarded-proto: https\n/);
      assert.match(text, /Request body, client → next hop:\n {4}~ model: gpt-5 → gpt-5-mini\n/);
      assert.match(text, /Answer, next hop → client:\n {4}~ model: gpt-5-mini-2025-08-07 → gpt-5\n/);
    },
  );
});

test('a stream through nginx differs in the headers that nginx changes, and in nothing of its bodies', {
  skip: obstacle('nginx'),
}, async () => {
  const talk = async (client: OpenAI): Promise<void> => {
    const stream = await client.chat.completions.create({
      ...{ model: 'gpt-5', stream: true, messages: [{ role: 'user', content: 'Hello there' }] },
    });
    for await (const _ of stream);
  };
  await captured(startNginx, talk, ({ hop, gateway, upstream }) => {
    assert.deepEqual([hop.body, hop.answer], [[], []]);
    assert.deepEqual(
      hop.facts.map(({ name }) => name),
      ['host', 'server_software'],
    );
    const [own, next] = [`127.0.0.1:${gateway.port}`, `127.0.0.1:${upstream.port}`];
    assert.deepEqual(byName(hop.requestHeaders).get('host'), {
      ...{ name: 'host', change: 'changed', call: own, hop: next },
    });
    assert.deepEqual(changes(hop.requestHeaders), {
      ...{ connection: 'removed', host: 'changed', 'x-tenant': 'removed' },
      ...{ 'x-forwarded-proto': 'added', 'x-real-ip': 'added' },
    });
    // An address of a person may stand there.
    assert.match(byName(hop.requestHeaders).get('x-real-ip')!.hop, FINGERPRINT);
    const answered = byName(hop.responseHeaders);
    assert.match(answered.get('server')!.call, /^nginx/);
    assert.equal(answered.get('x-served-by')?.change, 'added');
  });
});

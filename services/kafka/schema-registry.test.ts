import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { REGISTRY_USER, registryForTests } from '../../load-tests/kafka/registry-for-tests.ts';
import { fingerprintOf, type Schema } from '../../schemas/avro/contract.ts';
import { OBSERVATION_CONTRACT } from '../../schemas/codec.ts';
import { withFields } from '../../schemas/testing.ts';
import { SCHEMA_REGISTRY_DEFAULTS, SchemaRegistry, type SchemaRegistryOptions } from './schema-registry.ts';

const real = registryForTests();
const skip = real.missing.length > 0 ? `no registry: ${real.missing.join(', ')} missing` : false;
const ENV: NodeJS.ProcessEnv = { REGISTRY_PASSWORD: REGISTRY_USER.password };
const PATIENCE_MS = 5_000;

function registryWith(change: Partial<SchemaRegistryOptions> = {}, notes: string[] = [], env = ENV): SchemaRegistry {
  const { url, caFile } = real.get();
  const { username } = REGISTRY_USER;
  const options = { url, caFile, username, password: { env: 'REGISTRY_PASSWORD' }, ...change };
  return new SchemaRegistry(options, env, (line) => notes.push(line));
}

function onRegistry(name: string, body: (context: TestContext) => Promise<void>): void {
  test(name, { skip, timeout: 120_000 }, body);
}

onRegistry('a schema is registered once and found by its id, over TLS and with a password', async () => {
  const registry = registryWith();
  const id = await registry.register('once', OBSERVATION_CONTRACT.schema, PATIENCE_MS);
  assert.equal(await registry.register('once', OBSERVATION_CONTRACT.schema, PATIENCE_MS), id);
  const text = await registry.schema(id);
  assert.equal(fingerprintOf(JSON.parse(text ?? '') as Schema), OBSERVATION_CONTRACT.fingerprint);
  const subjects = (await (await fetch(`${real.get().direct}/subjects`)).json()) as unknown[];
  assert.ok(subjects.includes('once-value'), String(subjects));
  assert.equal(await registry.schema(2 ** 31 - 1), null);
});

onRegistry("a schema that the subject's compatibility rule refuses is told as such", async () => {
  const registry = registryWith();
  await registry.register('ruled', OBSERVATION_CONTRACT.schema, PATIENCE_MS);
  const rule = await fetch(`${real.get().direct}/config/ruled-value`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ compatibility: 'BACKWARD' }),
  });
  assert.ok(rule.ok, String(rule.status));
  const { schema } = OBSERVATION_CONTRACT;
  const compatible = withFields(schema, 'Call', (all) => [...all, { name: 'later', type: 'string', default: '' }]);
  assert.ok((await registry.register('ruled', compatible, PATIENCE_MS)) > 0);
  const other = withFields(schema, 'Call', (all) => [...all, { name: 'later', type: 'long' }]);
  await assert.rejects(registry.register('ruled', other, PATIENCE_MS), { code: 'BIT_REGISTRY_INCOMPATIBLE' });
});

onRegistry('a wrong password, an unknown authority and a wrong address are told at once', async () => {
  const refused = registryWith({}, [], { REGISTRY_PASSWORD: 'a wrong one' });
  await assert.rejects(refused.register('t', OBSERVATION_CONTRACT.schema, PATIENCE_MS), (error: Error) => {
    assert.equal((error as unknown as { readonly code: string }).code, 'BIT_REGISTRY_AUTH');
    assert.ok(!error.message.includes('a wrong one'));
    return true;
  });
  await assert.rejects(registryWith({ caFile: null }).register('t', OBSERVATION_CONTRACT.schema, 0), {
    code: 'BIT_REGISTRY_UNREACHABLE',
    message: /certificate/,
  });
  const astray = registryWith({ url: `${real.get().url}nowhere` });
  await assert.rejects(astray.register('t', OBSERVATION_CONTRACT.schema, PATIENCE_MS), { code: 'BIT_REGISTRY_FAILED' });
  assert.throws(() => registryWith({}, [], {}), {
    code: 'BIT_KAFKA_SECURITY',
    message: /REGISTRY_PASSWORD/,
  });
  assert.throws(() => registryWith({ caFile: '/nowhere.pem' }), {
    code: 'BIT_KAFKA_SECURITY',
    message: /nowhere\.pem/,
  });
});

onRegistry(
  'while the registry is down, registering waits for as long as it may and fetching for ever, told once',
  async () => {
    const notes: string[] = [];
    const registry = registryWith({}, notes);
    const id = await registry.register('down', OBSERVATION_CONTRACT.schema, PATIENCE_MS);
    real.get().closedWith = 503;
    await assert.rejects(registry.register('down', OBSERVATION_CONTRACT.schema, 600), {
      code: 'BIT_REGISTRY_UNREACHABLE',
    });
    let text: string | null = null;
    const fetching = registry.schema(id).then((found) => {
      text = found;
    });
    await sleep(1_500);
    assert.equal(text, null);
    // Nor does a password that was changed meanwhile lose anything.
    real.get().closedWith = 401;
    await sleep(1_500);
    assert.equal(text, null);
    real.get().closedWith = null;
    await fetching;
    assert.ok(text !== null);
    assert.equal(notes.filter((note) => /status 503/.test(note)).length, 2, notes.join('\n'));
    assert.equal(notes.filter((note) => /status 401/.test(note)).length, 1, notes.join('\n'));
    assert.match(notes.at(-1) ?? '', /answers again/);
  },
);

test('an answer without end, and one that never comes, are given up', { timeout: 60_000 }, async (t) => {
  let endless = true;
  const server = createServer((_, response) => {
    if (!endless) return;
    const more = (): void => {
      if (!response.destroyed && response.write(Buffer.alloc(65_536))) setImmediate(more);
      else response.once('drain', more);
    };
    more();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const options = { url: `http://127.0.0.1:${port}`, username: '', password: { env: 'X' }, caFile: null };
  const registry = new SchemaRegistry(options, {}, () => {});
  await assert.rejects(registry.register('t', {}, 0), {
    code: 'BIT_REGISTRY_UNREACHABLE',
    message: new RegExp(`longer than ${SCHEMA_REGISTRY_DEFAULTS.answerBytesMax}`),
  });
  endless = false;
  await assert.rejects(registry.register('t', {}, 0), { code: 'BIT_REGISTRY_UNREACHABLE', message: /no answer in/ });
});

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { CAPTURE_DEFAULTS } from '../../mirror/options.ts';
import { BitternError } from '../common/errors.ts';
import { settingsOf } from './describe.ts';
import { loadConfig } from './load.ts';
import { configurationPage, effectiveSettings, exampleFile } from './print.ts';

async function fileWith(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bittern-config-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'bittern.yaml');
  await writeFile(file, text);
  return file;
}

test('without a file and variables every setting has its default', async () => {
  const { config, sources } = await loadConfig({ env: {} });
  assert.equal(config.capture.frameDelayMs, CAPTURE_DEFAULTS.frameDelayMs);
  assert.equal(config.api.host, '127.0.0.1');
  assert.equal(sources.size, 0);
});

test('command line beats environment, environment beats file', async (t) => {
  const file = await fileWith(t, 'dataDir: from-file\ncapture: {probe: from-file, frameDelayMs: 50}\n');
  const env = { BITTERN_CAPTURE_PROBE: 'from-env', BITTERN_DATA_DIR: 'from-env' };
  const { config, sources } = await loadConfig({ file, env, overrides: { dataDir: 'from-line' } });
  assert.equal(config.dataDir, 'from-line');
  assert.equal(config.capture.probe, 'from-env');
  assert.equal(config.capture.frameDelayMs, 50);
  assert.equal(sources.get('capture.probe'), 'BITTERN_CAPTURE_PROBE');
  assert.equal(sources.get('capture.frameDelayMs'), 'file');
});

test('all problems are told at once, each by its path', async (t) => {
  const file = await fileWith(t, 'capture: {frameDelayMs: soon, frobnicate: 1}\napi: {port: 99999}\n');
  const env = { BITTERN_CLICKHOUSE_RETENTION_DAYS: 'many', BITTERN_NO_SUCH: '1' };
  await assert.rejects(loadConfig({ file, env }), (error: unknown) => {
    assert.ok(error instanceof BitternError && error.code === 'BIT_CONFIG_INVALID');
    for (const part of [
      '5 problems',
      'capture.frameDelayMs:',
      'frobnicate',
      'api.port:',
      'clickhouse.retentionDays:',
      'BITTERN_NO_SUCH:',
    ]) {
      assert.ok(error.message.includes(part), `${part} in: ${error.message}`);
    }
    return true;
  });
});

test('a file that is no YAML, no mapping, or not there is a clear error', async (t) => {
  await assert.rejects(loadConfig({ file: await fileWith(t, 'a: [1\n'), env: {} }), /\(file\)/);
  await assert.rejects(loadConfig({ file: await fileWith(t, '- 1\n'), env: {} }), /must be a mapping/);
  await assert.rejects(loadConfig({ file: '/nowhere/bittern.yaml', env: {} }), /can't read/);
});

test('lists, maps and switches can be set by variables', async () => {
  const env = {
    BITTERN_IDENTITY_HEADERS_AGENT_ID: 'x-my-agent, x-agent-id',
    BITTERN_CAPTURE_LABELS: 'site=fra1,rack=7',
    BITTERN_LLM_EXCHANGES: 'off',
    CLICKHOUSE_URL: 'http://u:p@db:8123/x',
  };
  const loaded = await loadConfig({ env });
  assert.deepEqual(loaded.config.identity.headers.agentId, ['x-my-agent', 'x-agent-id']);
  assert.deepEqual(loaded.config.capture.labels, { site: 'fra1', rack: '7' });
  assert.equal(loaded.config.llm.exchanges, false);
  const url = effectiveSettings(loaded).find((setting) => setting.path === 'clickhouse.url');
  assert.equal(url?.source, 'CLICKHOUSE_URL');
  assert.doesNotMatch(String(url?.value), /u:p/);
});

test('the example file is valid and changes nothing', async (t) => {
  const { config } = await loadConfig({ file: await fileWith(t, exampleFile()), env: {} });
  assert.deepEqual(config, (await loadConfig({ env: {} })).config);
});

test('every setting is described', () => {
  for (const setting of settingsOf()) assert.ok(setting.description.length > 10, setting.path);
});

test('docs/configuration.md is what the schema says', async () => {
  const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  assert.equal(page, configurationPage(), 'run: bittern config --markdown > docs/configuration.md');
});

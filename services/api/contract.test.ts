/**
 * Schemathesis, which knows nothing of this code, makes requests of the OpenAPI document, right ones and wrong ones, and holds the answers
 * against it. scripts/test.sh installs it.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DETAILED_ID, fill, openStage, type Stage, TOKEN } from './testing.ts';

const PROGRAM = fileURLToPath(new URL('../../.cache/schemathesis/bin/st', import.meta.url));
const skip = existsSync(PROGRAM) ? false : 'schemathesis is not installed';
const SECONDS_MAX = 300;

const folder = mkdtempSync(path.join(tmpdir(), 'bittern-contract-'));
let stage: Stage;
const failures: string[] = [];
before(async () => {
  stage = await openStage({ onFailure: (failure) => failures.push(`${failure.code}: ${String(failure.cause)}`) });
  await fill(stage);
});
after(async () => {
  await stage.close();
  rmSync(folder, { recursive: true });
});

async function run(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  // It leaves files where it runs.
  const child = spawn(PROGRAM, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'], timeout: SECONDS_MAX * 1000 });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { code, output };
}

const documentUrl = (): string => `${stage.api.url}/api/v1/openapi.json`;

const PHASES = 'examples,coverage,fuzzing';
const ARGS = [
  '--header',
  `Authorization: Bearer ${TOKEN}`,
  '--phases',
  PHASES,
  '--checks',
  'all',
  '--max-examples',
  '20',
  '--seed',
  '1',
  '--no-color',
  '--suppress-health-check',
  'all',
];

const shown = (output: string): string => output.replaceAll(/0{40,}/g, '0…').slice(0, 20_000);

test('every answer is as the document says, whatever is asked', { skip, timeout: SECONDS_MAX * 1000 }, async () => {
  // The stream has no end; silences have a test of their own.
  const excluded = ['/api/v1/events', '/api/v1/silences'].flatMap((target) => ['--exclude-path', target]);
  const { code, output } = await run(['run', documentUrl(), ...ARGS, ...excluded]);
  assert.equal(code, 0, shown(output));
  assert.deepEqual(failures, []);
});

/** A body of the right form may still ask for what can't be, which one check doesn't know of. */
const CHANGES_CONFIG = '[checks]\npositive_data_acceptance.expected-statuses = ["2xx", "404", "422"]\n';

test('changes do what the document says: silences end by the id that making them told', {
  skip,
  timeout: SECONDS_MAX * 1000,
}, async () => {
  writeFileSync(path.join(folder, 'changes.toml'), CHANGES_CONFIG);
  const paths = ['/api/v1/silences', '/api/v1/silences/{id}'].flatMap((target) => ['--include-path', target]);
  const { code, output } = await run([
    '--config-file',
    'changes.toml',
    'run',
    documentUrl(),
    ...ARGS.map((arg) => (arg === PHASES ? `${PHASES},stateful` : arg)),
    ...paths,
  ]);
  assert.equal(code, 0, shown(output));
  assert.deepEqual(failures, []);
  assert.match(output, /Stateful \(in/);
  const { silences } = (await stage.get('/api/v1/silences?ended=true')).body as { silences: { ends: number }[] };
  assert.ok(silences.length > 0, 'none was made');
});

test('answers about what is stored are as the document says', { skip, timeout: SECONDS_MAX * 1000 }, async () => {
  const [toolCall] = (await stage.get('/api/v1/tool-calls?limit=1')).body.toolCalls as Record<string, unknown>[];
  const [exchange] = (await stage.get('/api/v1/exchanges?limit=1')).body.exchanges as Record<string, unknown>[];
  const [turn] = (await stage.get('/api/v1/turns?limit=1')).body.turns as Record<string, unknown>[];
  const ids = {
    '/api/v1/calls/{id}': { id: DETAILED_ID },
    '/api/v1/calls/{id}/request': { id: DETAILED_ID },
    '/api/v1/calls/{id}/hops': { id: DETAILED_ID },
    '/api/v1/exchanges/{id}': { id: exchange!.exchangeId },
    '/api/v1/sessions/{id}': { id: 'plain' },
    '/api/v1/turns/{id}': { id: turn!.turnId },
    '/api/v1/tool-calls/{id}/{position}': { id: toolCall!.callId, position: toolCall!.position },
  };
  const operations = Object.entries(ids).map(([target, values]) => {
    const parameters = Object.entries(values).map(([name, value]) => `"path.${name}" = ${JSON.stringify(value)}`);
    return `[[operations]]\ninclude-path = "${target}"\nparameters = { ${parameters.join(', ')} }\n`;
  });
  writeFileSync(path.join(folder, 'ids.toml'), operations.join('\n'));
  const paths = Object.keys(ids).flatMap((target) => ['--include-path', target]);
  const { code, output } = await run([
    '--config-file',
    'ids.toml',
    'run',
    documentUrl(),
    ...ARGS,
    ...paths,
    '--mode',
    'positive',
  ]);
  assert.equal(code, 0, shown(output));
  assert.doesNotMatch(output, /404 Not Found/);
  assert.deepEqual(failures, []);
});

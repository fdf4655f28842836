/** Vendors' own clients against servers that remember what they served: what is stored must be that. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import { canonicalHashOf } from '../../services/llm/json/canonical.ts';
import { canonical, compare } from '../compare.ts';
import { type Observed, observeCapture, rowsOf } from '../e2e/observe.ts';
import { scriptByModel } from '../fake-llm/scenario.ts';
import type { Served } from '../fake-llm/served.ts';
import { startFakeLlm } from '../fake-llm/server.ts';
import { startDump, stopDump } from '../recorder/dump.ts';
import { expectedOf } from '../recorder/expected.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { type RanTool, startToolServer } from './mcp.ts';
import { installClients } from './packages.ts';

const CLIENTS = fileURLToPath(new URL('main.ts', import.meta.url));
const CLIENTS_TIMEOUT_MS = 120_000;
const SETTLE_MS = 500;

const skip =
  missingPrograms('tcpdump') ||
  (process.env.CI !== 'true' && process.getuid?.() !== 0 && 'NOT TESTED: recording needs root');

let observed: Observed;
let served: readonly Served[];
let ran: readonly (readonly RanTool[])[];

async function runClients(urls: readonly string[]): Promise<void> {
  const child = spawn(process.execPath, [CLIENTS, ...urls], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: CLIENTS_TIMEOUT_MS,
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  await once(child, 'exit');
  assert.equal(child.exitCode, 0, errors);
}

before(async () => {
  if (skip !== false) return;
  installClients();
  // Bedrock's model ids name the vendor, too.
  const llm = await startFakeLlm({
    script: (request, attempt) =>
      scriptByModel({ ...request, model: request.model.replace(/^anthropic\./, '') }, attempt),
  });
  const tools = [await startToolServer(false), await startToolServer(true)];
  await withFolder(async (folder) => {
    const path = join(folder, 'clients.pcap');
    const dump = await startDump(path, llm.port, ...tools.map(({ port }) => port));
    try {
      await runClients([llm.url, ...tools.map(({ port }) => `http://127.0.0.1:${port}`)]);
      await sleep(SETTLE_MS);
    } finally {
      await Promise.all([llm.close(), ...tools.map((server) => server.close())]);
      await sleep(SETTLE_MS);
      await stopDump(dump);
    }
    served = llm.served;
    ran = tools.map((server) => server.ran);
    observed = await observeCapture(readFileSync(path));
  });
});

test('every call of the vendors’ clients is stored as the server saw it, field by field', { skip }, () => {
  const expected = expectedOf(served);
  const facts = { source: {}, packets: 0, lost_packets: 0, connections: 0, credentials: [] };
  const result = compare({ capture: { type: 'capture', ...facts }, ...expected }, rowsOf(observed));
  assert.deepEqual(result.differences.slice(0, 8), []);
  assert.equal(result.exact, served.filter(({ dialect }) => dialect !== null).length);
  const names = new Set(observed.calls.map(({ dialect }) => dialect));
  assert.deepEqual([...names].sort(), [
    'anthropic.messages',
    'bedrock.converse',
    'cohere.chat',
    'ollama.chat',
    'openai.chat',
    'openai.completions',
  ]);
});

test('streams that the vendors’ clients read have a first token, in each framing', { skip }, () => {
  const streamed = observed.calls.filter(({ streaming, outcome }) => streaming && outcome === 'ok');
  assert.ok(streamed.length > 20);
  for (const { dialect, ttftMs, requestedModel } of streamed) assert.ok(ttftMs! > 0, `${dialect} ${requestedModel}`);
});

test('every tool that the MCP servers ran is one row, with the hash of its arguments and its result', { skip }, () => {
  const seen = (name: string, hash: string, isError: boolean): string => `${name} ${hash} ${isError}`;
  const wanted = ran.flat().map((tool) => seen(tool.name, canonicalHashOf(canonical(tool.arguments)), tool.isError));
  const rows = observed.executions;
  const got = rows.map((row) => seen(row.toolName, row.argumentsHash, row.isError));
  assert.deepEqual(got.sort(), wanted.sort());
  assert.equal(rows.length, 14);
  const texts = new Set(ran.flat().map(({ text }) => text));
  for (const row of rows) {
    assert.deepEqual([row.completeness, row.agentId, row.sessionId], ['full', 'tool-user', 'session-mcp']);
    const result = JSON.parse(observed.contents.get(row.resultContent as never)!.text);
    assert.ok(texts.has(result.content[0].text));
    assert.ok(row.protocolVersion !== '' && row.server.endsWith('/mcp'));
  }
  assert.equal(rows.filter(({ toolCallId }) => toolCallId === 'toolu_made_up').length, 2);
  const told = (row: ToolExecution): boolean => row.toolName === 'slow';
  assert.deepEqual(
    rows
      .filter(told)
      .map(({ notifications }) => notifications)
      .sort(),
    [0, 3],
  );
});

test('initialize, tools/list and notifications are exchanges, and no call is made of any of them', { skip }, () => {
  const posts = observed.exchanges.filter(({ path, method }) => path === '/mcp' && method === 'POST');
  assert.equal(posts.length, 6);
  assert.ok(observed.calls.every(({ dialect }) => dialect !== 'unknown'));
});

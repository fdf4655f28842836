/**
 * The real Codex against the fake LLM server, over WebSocket with and without compression: what is observed of its traffic
 * must equal what the server logged.
 *
 *     node load-tests/agents/codex.ts          as root: it runs in a network namespace that has loopback only
 *
 * Codex (some 400 MB) is installed into `.cache/agents` on first use; over HTTP it plays with the other agents (main.ts).
 */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import { observeSteps, type Seen } from '../e2e/observe-steps.ts';
import type { Scenario, Script } from '../fake-llm/scenario.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import type { FakeDeflate } from '../fake-llm/socket.ts';
import { withFolder } from '../testing.ts';
import { startTap, type Tap } from '../wire/tap.ts';
import { codex } from './clients/codex.ts';
import { folderOf, install } from './install.ts';

const CODEX = join(folderOf(codex), 'node_modules/.bin/codex');
const RUN_TIMEOUT_MS = 60_000;
/** Set in the process that runs without a network. */
const ISOLATED = 'BITTERN_AGENTS_ISOLATED';

const MODES: readonly (readonly [name: string, deflate: FakeDeflate])[] = [
  ['no compression', false],
  ['context takeover', { threshold: 0 }],
  ['no context takeover', { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }],
];

const COMMAND = { name: 'exec_command', arguments: '{"cmd":"echo reeds"}' };

/** One tool call; its result comes without the user's message before it, since only what is new is sent. */
const script: Script = ({ prompt }): Scenario =>
  prompt === ''
    ? { kind: 'answer', answer: { text: 'Reeds – schön.' } }
    : { kind: 'answer', answer: { reasoning: 'A command tells.', toolCalls: [COMMAND] } };

async function run(home: string, args: readonly string[], input: string): Promise<void> {
  const child = spawn(CODEX, args, {
    ...{ cwd: home, env: { PATH: process.env.PATH, HOME: home, NO_COLOR: '1', CI: '1', TERM: 'dumb' } },
    ...{ stdio: ['pipe', 'ignore', 'pipe'], timeout: RUN_TIMEOUT_MS },
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`codex ${args[0]} ended with ${code}: ${errors.slice(-2000)}`);
}

async function talk(port: number): Promise<void> {
  await withFolder(async (home) => {
    mkdirSync(join(home, '.codex'));
    writeFileSync(
      join(home, '.codex/config.toml'),
      `model = "gpt-5"\nopenai_base_url = "http://127.0.0.1:${port}/v1"\n`,
    );
    await run(home, ['login', '--with-api-key'], 'sk-made-up');
    const exec = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox'];
    await run(home, [...exec, 'What grows here? Schön.'], '');
  });
}

function check(server: FakeLlm, seen: Seen): void {
  const asked = server.socketServed.filter(({ isPrewarm }) => !isPrewarm);
  const prewarms = server.socketServed.filter(({ isPrewarm }) => isPrewarm);
  assert.ok(asked.length >= 2, `Codex made ${asked.length} calls over WebSocket`);
  const calls = seen.calls.filter(({ protocol }) => protocol === 'websocket');
  assert.deepEqual(
    calls.map((call) => ({
      ...{ id: call.responseId, request: joinRequest(call.requestSkeleton, call.requestParts, seen.contents) },
      ...{ before: call.previousResponseId, input: call.inputTokens, output: call.outputTokens },
      ...{ tools: call.toolCallIds, outcome: call.outcome, completeness: call.completeness, agent: call.agentId },
    })),
    asked.map(({ reply, requestBody, previousResponseId }) => ({
      ...{ id: reply!.id, request: requestBody, before: previousResponseId },
      ...{ input: reply!.usage.input, output: reply!.usage.output, tools: reply!.toolCalls.map(({ id }) => id) },
      ...{ outcome: 'ok', completeness: 'full', agent: 'codex' },
    })),
  );
  const sessions = new Set(calls.map(({ sessionId }) => sessionId));
  assert.ok(sessions.size === 1 && !sessions.has(''), 'one session, and it is known');
  assert.deepEqual(
    seen.exchanges.filter(({ purpose }) => purpose === 'prewarm').map(({ responseId }) => responseId),
    prewarms.map(({ reply }) => reply!.id),
  );
}

async function withTap(server: FakeLlm, work: (tap: Tap) => Promise<void>): Promise<void> {
  const tap = await startTap(server.port);
  try {
    await work(tap);
  } finally {
    await tap.close();
    await server.close();
  }
}

async function main(): Promise<void> {
  for (const [name, deflate] of MODES) {
    const server = await startFakeLlm({ script, deflate });
    await withTap(server, async (tap) => {
      await talk(tap.port);
      const seen = observeSteps(tap.connections);
      check(server, seen);
      const agreed = tap.connections.flatMap((steps) => steps.map(({ bytes }) => String(bytes ?? '')));
      const told = /^sec-websocket-extensions: (.*)$/im.exec(
        agreed.find((text) => text.startsWith('HTTP/1.1 101')) ?? '',
      );
      process.stdout.write(
        `${name}: ${seen.calls.length} calls, ${seen.exchanges.length} other exchanges; agreed: ${told?.[1] ?? '-'}\n`,
      );
    });
  }
}

function isolated(): void {
  const inside = 'ip link set lo up && exec "$0" "$@"';
  const args = ['-n', 'sh', '-c', inside, process.execPath, fileURLToPath(import.meta.url)];
  const done = spawnSync('unshare', args, { stdio: 'inherit', env: { ...process.env, [ISOLATED]: '1' } });
  process.exitCode = done.status ?? 1;
}

if (process.env[ISOLATED] === '1') await main();
else {
  install(codex);
  isolated();
}

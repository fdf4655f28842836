import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Headers } from '../http/exchange.ts';
import { attribute, NO_BODY_IDENTITY } from './attribution.ts';
import { clientOf } from './client.ts';
import { IDENTITY_DEFAULTS } from './mapping.ts';

const headers = (fields: Record<string, string>): Headers => new Map(Object.entries(fields));
const who = (fields: Record<string, string>, body = NO_BODY_IDENTITY) =>
  attribute(IDENTITY_DEFAULTS, headers(fields), body, null, null);

const CLIENTS: readonly [string, Record<string, string>, [string, string, string, boolean]][] = [
  [
    'Claude Code',
    {
      'user-agent': 'claude-cli/2.1.330 (external, sdk-cli)',
      'anthropic-version': '2023-06-01',
      'x-stainless-lang': 'js',
      'x-stainless-package-version': '0.70.0',
    },
    ['claude-code', '2.1.330', 'anthropic-js/0.70.0', true],
  ],
  [
    'Codex',
    { 'user-agent': 'codex_exec/0.169.0 (Linux; x86_64) xterm (codex_exec; 0.169.0)' },
    ['codex', '0.169.0', '', true],
  ],
  [
    'Gemini CLI',
    {
      'user-agent': 'GeminiCLI-tui/0.61.0/gemini-2.5-pro (linux; x64; xterm)',
      'x-goog-api-client': 'google-genai-sdk/1.3 gl-node/v24',
    },
    ['gemini-cli', '0.61.0', 'google-genai-sdk/1.3', true],
  ],
  ['Qwen Code', { 'user-agent': 'QwenCode/0.24.4 (linux; x64)' }, ['qwen-code', '0.24.4', '', true]],
  [
    'opencode',
    { 'user-agent': 'opencode/1.18.33 ai-sdk/provider-utils/3.0.1 runtime/bun/1.3' },
    ['opencode', '1.18.33', 'ai-sdk-provider-utils/3.0.1', true],
  ],
  [
    'OpenAI for Python',
    { 'user-agent': 'AsyncOpenAI/Python 1.99.0' },
    ['openai-python', '1.99.0', 'openai-python/1.99.0', false],
  ],
  [
    'Anthropic for JS',
    { 'user-agent': 'Anthropic/JS 1.12.0' },
    ['anthropic-js', '1.12.0', 'anthropic-js/1.12.0', false],
  ],
  [
    'AI SDK',
    { 'user-agent': 'ai-sdk/openai-compatible/1.0.2 runtime/node' },
    ['ai-sdk-openai-compatible', '1.0.2', 'ai-sdk-openai-compatible/1.0.2', false],
  ],
  ['LiteLLM', { 'user-agent': 'litellm/1.106.2' }, ['litellm', '1.106.2', 'litellm/1.106.2', false]],
  ['a bare HTTP library', { 'user-agent': 'curl/8.5.0' }, ['curl', '8.5.0', '', false]],
  ['nothing', {}, ['', '', '', false]],
  ['a name of every object', { 'user-agent': 'constructor/1' }, ['constructor', '1', '', false]],
];
for (const [name, fields, [client, version, sdk, isAgent]] of CLIENTS) {
  test(`the client is told by its user agent and SDK headers: ${name}`, () => {
    assert.deepEqual(clientOf(headers(fields)), { name: client, version, sdk, isAgent });
    assert.deepEqual(clientOf(headers(fields)), { name: client, version, sdk, isAgent }, 'and again, from memory');
  });
}

test('a header names the agent before the body, the body before the client', () => {
  const body = { agentId: 'from-body', sessionId: '', userId: '' };
  const agent = { 'user-agent': 'codex_exec/1' };
  assert.deepEqual(pick(who({ ...agent, 'x-agent-id': 'planner' }, body)), ['planner', 'header']);
  assert.deepEqual(pick(who(agent, body)), ['from-body', 'body']);
  assert.deepEqual(pick(who(agent)), ['codex', 'client_profile']);
});

function pick({ agentId, identitySource }: { agentId: string; identitySource: string }): [string, string] {
  return [agentId, identitySource];
}

test('an SDK alone names no agent; a process does, and a credential tells the source without a name', () => {
  const sdk = headers({ 'user-agent': 'OpenAI/Python 1.99.0' });
  assert.deepEqual(pick(attribute(IDENTITY_DEFAULTS, sdk, NO_BODY_IDENTITY, null, null)), ['', '']);
  const process = { pid: 1, started: 0, name: 'worker' };
  assert.deepEqual(pick(attribute(IDENTITY_DEFAULTS, sdk, NO_BODY_IDENTITY, null, process)), ['worker', 'process']);
  const credential = { field: 'authorization', fingerprint: 'fp_0123456789abcdef' };
  const keyed = attribute(IDENTITY_DEFAULTS, sdk, NO_BODY_IDENTITY, credential, null);
  assert.deepEqual([...pick(keyed), keyed.credential], ['', 'credential', 'fp_0123456789abcdef']);
});

test('the first header in the configured order wins, and an empty one does not count', () => {
  const mapping = { ...IDENTITY_DEFAULTS, sessionId: ['x-own', 'x-session-id'] };
  const fields = headers({ 'x-session-id': 's', 'x-own': '', 'x-user-id': 'u', 'x-team-id': 't' });
  const found = attribute(mapping, fields, { agentId: '', sessionId: 'b', userId: 'b' }, null, null);
  assert.deepEqual([found.sessionId, found.sessionSource, found.userId, found.teamId], ['s', 'header', 'u', 't']);
  assert.deepEqual(who({}, { agentId: '', sessionId: 'b', userId: '' }).sessionSource, 'body');
});

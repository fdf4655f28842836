/** What capture modes and redaction promise, looked for in everything that is stored: every column of every table, every file. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { observationCodec } from '../../schemas/codec.ts';
import { ask } from '../../services/clickhouse/queries.ts';
import { openStore } from '../../services/clickhouse/store.ts';
import { client, fin, type Step, server } from '../../services/http/testing.ts';
import { privacyFrom } from '../../services/privacy/settings.ts';
import { compare, type Row } from '../compare.ts';
import { GENERATOR_DEFAULTS, generate } from '../generator/generate.ts';
import { stepsPcap } from '../wire/steps-pcap.ts';
import { bittern } from './bittern.ts';
import { observationsOf } from './observations.ts';

/** Texts of which nothing may be stored, each in a place of its own. */
class Canaries {
  readonly all: string[] = [];

  next(place: string): string {
    const canary = `Kanarie${this.all.length + 100} lives in ${place}`;
    this.all.push(canary);
    return canary;
  }
}

/** Words of the generator's texts and tools that stand nowhere but in texts. */
const GENERATED = [
  'marsh',
  'listens',
  'камыш',
  'жёлтый',
  '沼地',
  '水鳥',
  'Größe',
  'naïve',
  'Searches for a text',
  'Sends a mail',
];

const PRIVACY = { modes: [], redaction: true, redactionRules: [], headers: 'known', shownHeaders: [] } as const;

interface Exchange {
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly request: unknown;
  readonly status?: number;
  readonly type?: string;
  readonly answerHeaders?: Readonly<Record<string, string>>;
  readonly answer: unknown;
}

function head(start: string, headers: Readonly<Record<string, string>>): string {
  return `${start}\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')}\r\n`;
}

/** Compressed where `packed`, and cut into packets of `cut` bytes. */
function steps(
  { target, headers, request, status, type, answerHeaders, answer }: Exchange,
  packed: boolean,
  cut: number,
): readonly Step[] {
  const [asked, answered] = [request, answer].map((value) => {
    const text = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    return packed ? gzipSync(text) : text;
  }) as [Buffer, Buffer];
  const coding: Record<string, string> = packed ? { 'content-encoding': 'gzip' } : {};
  const length = (body: Buffer) => ({ 'content-length': String(body.length), ...coding });
  const sent = { host: 'api.canary.test', 'content-type': 'application/json', ...headers, ...length(asked) };
  const got = { 'content-type': type ?? 'application/json', ...answerHeaders, ...length(answered) };
  const up = Buffer.concat([Buffer.from(head(`POST ${target} HTTP/1.1`, sent)), asked]);
  const down = Buffer.concat([Buffer.from(head(`HTTP/1.1 ${status ?? 200} X`, got)), answered]);
  const pieces = (bytes: Buffer): Buffer[] =>
    Array.from({ length: Math.ceil(bytes.length / cut) }, (_, at) => bytes.subarray(at * cut, (at + 1) * cut));
  return [
    ...pieces(up).map((each) => client(each)),
    ...pieces(down).map((each) => server(each)),
    fin('client'),
    fin('server'),
  ];
}

const sse = (events: readonly unknown[]): string =>
  events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
/** A text in pieces of three characters. */
const pieces = (text: string): string[] => text.match(/[\s\S]{1,3}/g) ?? [];

function anthropicStream(text: string, args: string): string {
  const block = (index: number, start: object, deltas: readonly object[]): unknown[] => [
    { type: 'content_block_start', index, content_block: start },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ];
  return sse([
    {
      type: 'message_start',
      message: {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'claude',
        content: [],
        usage: { input_tokens: 5, output_tokens: 1 },
      },
    },
    ...block(
      0,
      { type: 'thinking', thinking: '' },
      pieces(text).map((thinking) => ({ type: 'thinking_delta', thinking })),
    ),
    ...block(
      1,
      { type: 'text', text: '' },
      pieces(text).map((piece) => ({ type: 'text_delta', text: piece })),
    ),
    ...block(
      2,
      { type: 'tool_use', id: 'toolu_9', name: 'run', input: {} },
      pieces(JSON.stringify({ command: args })).map((partial_json) => ({ type: 'input_json_delta', partial_json })),
    ),
    { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 9 } },
    { type: 'message_stop' },
  ]);
}

const chatChunk = (delta: object, finish: string | null = null) => ({
  ...{ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt' },
  choices: [{ index: 0, delta, finish_reason: finish }],
});

/** `text(place)`: what stands there. */
function exchanges(text: (place: string) => string): readonly Exchange[] {
  const tool = {
    name: 'run',
    description: text('tool description'),
    input_schema: { type: 'object', properties: { a: { description: text('tool parameter') } } },
  };
  const chatTool = {
    type: 'function',
    function: { name: 'run', description: text('chat tool'), parameters: { type: 'object' } },
  };
  const anthropic = (place: string) => ({
    ...{
      model: 'claude',
      max_tokens: 9,
      stream: true,
      tools: [tool],
      system: [{ type: 'text', text: text('system') }],
    },
    note: text('member outside the lists'),
    messages: [
      { role: 'user', content: text(`${place} user`) },
      {
        role: 'assistant',
        content: [
          { type: 'text', text: text('history') },
          { type: 'tool_use', id: 'toolu_1', name: 'run', input: { command: text('tool input') } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'toolu_1', content: text('tool result'), is_error: true },
          { type: 'text', text: text('follow-up') },
        ],
      },
    ],
  });
  const chat = {
    model: 'gpt',
    tools: [chatTool],
    messages: [
      { role: 'system', content: text('chat system') },
      { role: 'user', content: text('chat user') },
    ],
  };
  const rpc = (id: number, place: string) => ({
    jsonrpc: '2.0',
    id,
    method: 'tools/call',
    params: { name: 'read', arguments: { path: text(place), deep: [{ n: text('deep argument') }] } },
  });
  const longText = text('long answer');
  return [
    {
      target: '/v1/messages?beta=true',
      headers: { 'x-last-prompt': text('request header') },
      request: anthropic('stream'),
      type: 'text/event-stream',
      answerHeaders: { 'x-summary': text('response header') },
      answer: anthropicStream(text('streamed'), text('streamed arguments')),
    },
    {
      target: '/v1/messages',
      request: anthropic('whole'),
      status: 400,
      answer: { type: 'error', error: { type: text('error type'), message: text('error message') } },
    },
    {
      target: '/v1/messages',
      request: anthropic('plain error'),
      status: 500,
      type: 'text/plain',
      answer: text('error text'),
    },
    {
      target: '/v1/chat/completions',
      request: { ...chat, stream: true },
      type: 'text/event-stream',
      answer: `${sse([...pieces(text('chat streamed')).map((content) => chatChunk({ content })), ...pieces(JSON.stringify({ q: text('chat arguments') })).map((args, at) => chatChunk({ tool_calls: [{ index: 0, ...(at === 0 ? { id: 'call_1', type: 'function' } : {}), function: { ...(at === 0 ? { name: 'run' } : {}), arguments: args } }] })), chatChunk({}, 'tool_calls')])}data: [DONE]\n\n`,
    },
    {
      target: '/v1/chat/completions',
      request: chat,
      answer: {
        ...{ id: 'chatcmpl-2', object: 'chat.completion', created: 1, model: 'gpt' },
        choices: [
          {
            index: 0,
            finish_reason: text('finish reason'),
            message: { role: 'assistant', content: longText },
            logprobs: {
              content: pieces(longText).map((token) => ({
                token,
                logprob: -1,
                bytes: [...Buffer.from(token)],
                top_logprobs: [{ token, logprob: -1 }],
              })),
            },
          },
        ],
      },
    },
    {
      target: '/v1/responses',
      request: {
        model: 'gpt',
        instructions: text('instructions'),
        input: [
          { role: 'user', content: [{ type: 'input_text', text: text('input') }] },
          { type: 'function_call_output', call_id: 'call_7', output: text('output') },
        ],
      },
      answer: {
        id: 'resp_1',
        object: 'response',
        status: 'completed',
        model: 'gpt',
        output: [
          { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: text('output text') }] },
          {
            type: 'function_call',
            call_id: 'call_8',
            name: 'run',
            arguments: JSON.stringify({ a: text('response arguments') }),
          },
        ],
      },
    },
    {
      target: '/v1beta/models/gemini-pro:generateContent',
      request: {
        systemInstruction: { parts: [{ text: text('gemini system') }] },
        contents: [{ role: 'user', parts: [{ text: text('gemini user') }] }],
      },
      answer: {
        candidates: [
          {
            content: {
              role: 'model',
              parts: [
                { text: text('gemini answer') },
                { functionCall: { name: 'run', args: { a: text('gemini arguments') } } },
              ],
            },
            finishReason: 'STOP',
          },
        ],
      },
    },
    {
      target: '/v1/completions',
      request: { model: 'gpt', prompt: text('prompt') },
      answer: {
        id: 'cmpl-1',
        object: 'text_completion',
        model: 'gpt',
        choices: [{ index: 0, text: text('completion'), finish_reason: 'stop' }],
      },
    },
    {
      target: '/own/path',
      request: { model: 'x', messages: [{ role: 'user', content: text('unknown user') }] },
      type: 'text/event-stream',
      answer: sse(
        pieces(text('unknown stream')).map((word) => ({
          model: 'x',
          usage: { input_tokens: 1, output_tokens: 1 },
          choices: [{ piece: word }],
        })),
      ),
    },
    {
      target: '/v1/messages',
      request: `{"model":"claude","messages":[{"role":"user","content":"${text('broken JSON')}`,
      status: 400,
      answer: text('no JSON'),
    },
    {
      target: `/search?q=${encodeURIComponent(text('query'))}`,
      headers: { 'x-searched': text('request header') },
      answerHeaders: { 'x-found': text('response header') },
      request: { q: text('other body') },
      answer: { found: text('other answer') },
    },
    {
      target: '/mcp',
      request: rpc(1, 'argument'),
      answer: {
        jsonrpc: '2.0',
        id: 1,
        result: { content: [{ type: 'text', text: text('tool text') }], isError: true },
      },
    },
    {
      target: '/mcp',
      request: rpc(2, 'second argument'),
      answer: { jsonrpc: '2.0', id: 2, error: { code: -1, message: text('rpc error'), data: text('rpc data') } },
    },
  ];
}

let folder = '';

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'bittern-privacy-'));
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Stored {
  readonly tables: ReadonlyMap<string, string>;
  readonly calls: readonly Row[];
  readonly executions: readonly Row[];
}

/** Replays captures with a configuration, and reads all that came of it. */
async function stored(name: string, config: string, pcaps: readonly Buffer[]): Promise<Stored> {
  const home = path.join(folder, name);
  const data = path.join(home, 'data');
  mkdirSync(home);
  writeFileSync(path.join(home, 'bittern.yaml'), config);
  const files = pcaps.map((pcap, at) => {
    const file = path.join(folder, `${name}-${at}.pcap`);
    writeFileSync(file, pcap);
    return file;
  });
  for (const file of files) {
    const { code, stderr } = await bittern(['replay', file, '--data', data], { cwd: home });
    assert.equal(code, 0, stderr);
  }
  const tables = new Map<string, string>();
  const store = await openStore({ dataDir: data, retentionDays: 30, memoryBytesMax: 1e9 });
  try {
    const names = "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'";
    for (const row of await ask<Row>(store, names, {}))
      tables.set(String(row.name), JSON.stringify(await ask<Row>(store, `SELECT * FROM ${row.name}`, {})));
    const calls = await ask<Row>(store, 'SELECT * FROM calls', {});
    const executions = await ask<Row>(store, 'SELECT * FROM tool_executions', {});
    for (const [table, text] of filesOf(data)) tables.set(table, text);
    return { tables, calls, executions };
  } finally {
    await store.close();
  }
}

/** Files that aren't the engine's own compressed ones count as well: logs, and what stands in them of queries. */
function filesOf(data: string): readonly [string, string][] {
  return readdirSync(data, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => [entry.name, readFileSync(path.join(entry.parentPath, entry.name), 'latin1')]);
}

/** How a text may stand somewhere: as it is, in JSON, escaped, in base64 at any of three places, percent-encoded. */
function forms(text: string): string[] {
  const bytes = Buffer.from(text);
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(4, -4),
  );
  const escaped = [...text].map((letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
  const all = [
    text,
    JSON.stringify(text).slice(1, -1),
    escaped,
    encodeURIComponent(text),
    bytes.toString('latin1'),
    bytes.toString('hex'),
  ];
  return [...all, ...base64.filter((each) => each.length >= 12)];
}

function foundIn({ tables }: Pick<Stored, 'tables'>, texts: readonly string[]): string[] {
  const found: string[] = [];
  for (const text of texts)
    for (const [name, haystack] of tables)
      if (forms(text).some((form) => haystack.includes(form))) found.push(`${text}: ${name}`);
  return found;
}

function canaryCapture(canaries: Canaries): Buffer {
  const all = exchanges((place) => canaries.next(place));
  return stepsPcap(all.map((exchange, at) => steps(exchange, at % 2 === 1, at % 3 === 0 ? 7 : 900)));
}

const TRAFFIC = generate({ ...GENERATOR_DEFAULTS, seed: 11, calls: 150, sockets: 0.15, http2: 0.2 });
const CARRIED = generate({ ...GENERATOR_DEFAULTS, seed: 12, calls: 40, carried: true });

/** Of a row, what the manifest tells without texts. */
const withoutTexts = ({ tool_arguments: _, ...row }: Row): Row => row;

test('in metadata mode no text is stored anywhere, and every fact equals the manifest', async () => {
  const canaries = new Canaries();
  const pcaps = [TRAFFIC.pcap, CARRIED.pcap, canaryCapture(canaries)];
  const kept = await stored('metadata', 'llm: { content: false }\nprivacy: { headers: all }\n', pcaps);
  // The place of a name may be the sentence's own words; the number is what tells.
  const numbers = canaries.all.map((text) => text.slice(0, 10));
  assert.ok(numbers.length > 45);
  assert.deepEqual(foundIn(kept, [...numbers, ...canaries.all.map((text) => text.slice(10)), ...GENERATED]), []);
  const manifest = {
    ...TRAFFIC.manifest,
    calls: [...TRAFFIC.manifest.calls, ...CARRIED.manifest.calls],
    exchanges: [...TRAFFIC.manifest.exchanges, ...CARRIED.manifest.exchanges],
  };
  const generated = kept.calls.filter(({ host }) => host !== 'api.canary.test');
  const { differences, exact } = compare(manifest, generated.map(withoutTexts));
  assert.deepEqual(differences.slice(0, 8), []);
  assert.ok(exact > 170, `${exact} calls are exact`);
  assert.ok(kept.calls.every(({ capture_mode }) => capture_mode === 'metadata'));
  const canary = kept.calls.filter(({ host }) => host === 'api.canary.test');
  assert.equal(canary.length, 10);
  assert.equal(kept.executions.length, 2);
  for (const { arguments_hash, arguments_bytes, result_hash } of kept.executions) {
    assert.match(String(arguments_hash), /^[0-9a-f]{32}$/);
    assert.ok(Number(arguments_bytes) > 20 && result_hash !== undefined);
  }
  const [first] = canary.filter(({ tool_names }) => String(tool_names) === 'run');
  assert.match(String(first!.prompt_hash), /^[0-9a-f]{32}$/);
});

test('in metadata mode no text is in the records of the topic of calls', async () => {
  const canaries = new Canaries();
  const privacy = privacyFrom({ ...PRIVACY, headers: 'all' }, false, Buffer.alloc(32, 1));
  const records = (await observationsOf(canaryCapture(canaries), { content: false, privacy })).map((each) =>
    observationCodec.encode(each).toString('latin1'),
  );
  assert.ok(records.length > 12);
  const tables = new Map(records.map((text, at) => [`record ${at}`, text]));
  assert.deepEqual(
    foundIn(
      { tables },
      canaries.all.flatMap((text) => [text.slice(0, 10), text.slice(10)]),
    ),
    [],
  );
});

test('in content mode the same search finds every text that is stored: it looks in the right places', async () => {
  const canaries = new Canaries();
  const kept = await stored('content', 'privacy: { redaction: false }\n', [canaryCapture(canaries)]);
  // What no call or execution carries isn't stored in any mode.
  const never = /lives in (?:query|other body|other answer|rpc data|history of|request header|response header)/;
  const cut = /(?:unknown stream)/;
  const wanted = canaries.all.filter((text) => !never.test(text) && !cut.test(text));
  const missing = wanted.filter((text) => foundIn(kept, [text]).length === 0);
  assert.deepEqual(missing, []);
});

test('modes go by agent, host and path, the first rule that fits', async () => {
  const canaries = new Canaries();
  const call = (agent: string, host: string, target: string): Exchange => ({
    target,
    headers: { host, 'x-agent-id': agent },
    request: { model: 'gpt', messages: [{ role: 'user', content: canaries.next(`${agent} ${host} ${target}`) }] },
    answer: {
      id: `c-${canaries.all.length}`,
      object: 'chat.completion',
      model: 'gpt',
      choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
    },
  });
  const path = '/v1/chat/completions';
  const all = [
    call('hr', 'a.test', path),
    call('dev', 'llm.legal.test:8080', path),
    call('dev', 'a.test', `/private${path}`),
    call('dev', 'a.test', path),
    call('audit', 'llm.legal.test', path),
  ];
  const config = [
    'privacy:',
    '  modes:',
    '    - { mode: content, agents: [audit] }',
    '    - { mode: metadata, agents: [hr, payroll] }',
    "    - { mode: metadata, hosts: ['*.legal.test'] }",
    "    - { mode: metadata, paths: ['/private/*'] }",
  ];
  const kept = await stored('modes', `${config.join('\n')}\n`, [stepsPcap(all.map((each) => steps(each, false, 900)))]);
  assert.deepEqual(
    canaries.all.map((text) => foundIn(kept, [text.slice(0, 10)]).length > 0),
    [false, false, false, true, true],
  );
  const modes = new Map(kept.calls.map((row) => [`${row.agent_id} ${row.host} ${row.path}`, row.capture_mode]));
  assert.deepEqual(Object.fromEntries(modes), {
    [`hr a.test ${path}`]: 'metadata',
    [`dev llm.legal.test:8080 ${path}`]: 'metadata',
    [`dev a.test /private${path}`]: 'metadata',
    [`dev a.test ${path}`]: 'content',
    [`audit llm.legal.test ${path}`]: 'content',
  });
});

test('a secret in any of these places, in any of these forms, is stored nowhere', async () => {
  const secrets: string[] = [];
  const next = (place: string): string => {
    const n = String(secrets.length + 100);
    const kinds = [
      `ghp_${n}aB${'c9X'.repeat(11)}`,
      `sk-ant-api03-${n}${'dE7_'.repeat(12)}`,
      `xoxb-${n}1234567890-abcDEF${n}ghi`,
    ];
    const secret = kinds[secrets.length % kinds.length]!;
    secrets.push(secret);
    return `${place} uses ${secret} for it`;
  };
  const all = exchanges(next);
  const pcap = stepsPcap(all.map((exchange, at) => steps(exchange, at % 2 === 0, at % 3 === 1 ? 5 : 900)));
  const kept = await stored('redacted', '', [pcap]);
  // No secret in the message of a failure.
  const leaked = secrets.flatMap((secret, at) =>
    foundIn(kept, [secret.slice(0, 40)]).map((where) => `${at} in ${where.split(': ')[1]}`),
  );
  assert.deepEqual(leaked, []);
  const counts = kept.calls.map((row) =>
    Object.values(row.redactions as Record<string, number>).reduce((sum, n) => sum + Number(n), 0),
  );
  assert.ok(
    counts.every((count) => count > 0),
    `redactions of the calls: ${counts}`,
  );
  assert.ok(kept.tables.get('contents')!.includes('[redacted:github_token:'));
});

test('with redaction on, texts without secrets are what they were, byte for byte', async () => {
  const kept = await stored('exact', '', [TRAFFIC.pcap]);
  assert.deepEqual(compare(TRAFFIC.manifest, kept.calls).differences.slice(0, 8), []);
  assert.ok(kept.calls.every(({ redactions }) => Object.keys(redactions as object).length === 0));
});

/** Headers with a secret each. `next` makes one that no rule of redaction knows, `token` one that a rule knows. */
function secretHeaders(next: () => string, token: () => string): Record<'asked' | 'answered', Record<string, string>> {
  const asked = {
    authorization: `Basic ${next()}`,
    'proxy-authorization': `Digest username="a", response="${next()}"`,
    cookie: `a=${next()}; b=${next()}`,
    'x-api-key': next(),
    'api-key': next(),
    'x-goog-api-key': next(),
    'x-amz-security-token': next(),
    'sec-websocket-protocol': `realtime, key.${next()}`,
    'helicone-auth': `Bearer ${next()}`,
    'x-portkey-api-key': next(),
    'x-internal-pass': next(),
    'x-hub-signature-256': `sha256=${next()}`,
    'x-unheard-of': next(),
    'x-ms-client-principal': Buffer.from(`{"who":"${next()}"}`).toString('base64'),
    'x-long': `${'long words '.repeat(60)}${next()}`,
    referer: `https://me:${next()}@app.test/a?token=${next()}&sas=${next()}`,
    'x-callback': `https://hooks.test/x?sig=${next()}`,
    'user-agent': token(),
    traceparent: token(),
    'x-request-id': token(),
    'x-session-id': token(),
  };
  const answered = {
    'set-cookie': `session=${next()}; HttpOnly`,
    location: `https://bucket.test/a?X-Goog-Signature=${next()}`,
    'x-new-token': next(),
    'x-refreshed': next(),
    server: `gateway ${token()}`,
    'x-litellm-model-id': token(),
  };
  return { asked, answered };
}

for (const mode of ['known', 'all'] as const)
  test(`where ${mode} headers are shown, a secret in any header is stored nowhere`, async () => {
    const secrets: string[] = [];
    const secret = (form: (n: string) => string): string => {
      secrets.push(form(String(secrets.length + 100)));
      return secrets.at(-1)!;
    };
    const next = (): string => secret((n) => `S3cr${n}${'kQ7'.repeat(7)}`);
    const token = (): string => secret((n) => `ghp_${n}aB${'c9X'.repeat(11)}`);
    const body = { model: 'gpt', messages: [{ role: 'user', content: 'hello' }] };
    const answer = {
      ...{ id: 'chatcmpl-3', object: 'chat.completion', created: 1, model: 'gpt' },
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi' } }],
    };
    const call = '/v1/chat/completions';
    const all = [call, '/other'].map((target): Exchange => {
      const { asked, answered } = secretHeaders(next, token);
      return { target, headers: asked, request: body, answerHeaders: answered, answer: target === call ? answer : {} };
    });
    const pcap = stepsPcap(all.map((exchange, at) => steps(exchange, at === 1, at === 0 ? 7 : 900)));
    const kept = await stored(`headers-${mode}`, `privacy: { headers: ${mode} }\n`, [pcap]);
    const privacy = privacyFrom({ ...PRIVACY, headers: mode }, true, Buffer.alloc(32, 1));
    const records = (await observationsOf(pcap, { privacy })).map((each) => observationCodec.encode(each));
    const tables = new Map([
      ...kept.tables,
      ...records.map((bytes, at) => [`record ${at}`, bytes.toString('latin1')] as const),
    ]);
    // No secret in the message of a failure.
    const leaked = secrets.flatMap((each, at) =>
      foundIn({ tables }, [each.slice(4, 16)]).map((where) => `${at}: ${where.split(': ')[1]}`),
    );
    assert.deepEqual(leaked, []);
    assert.ok(secrets.length > 50);
    for (const table of ['calls', 'exchanges']) {
      const rows = kept.tables.get(table)!;
      const shown = [
        'x-unheard-of: fp_',
        'authorization: Basic fp_',
        'content-type: application/json',
        'server: gateway [',
      ];
      for (const text of shown) assert.ok(rows.includes(text), `${text} in ${table}`);
    }
  });

test('no header is stored where none is to be', async () => {
  const kept = await stored('headers-none', 'privacy: { headers: none }\n', [CARRIED.pcap]);
  const headers = kept.calls.map((row) => `${String(row.request_headers)}${String(row.response_headers)}`);
  assert.ok(headers.length > 30);
  assert.deepEqual([...new Set(headers)], ['']);
});

/** Which message belongs to which response, by hand-made messages. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Call, ExchangeRow, Observation } from '../../../schemas/call.ts';
import type { ConnectionId } from '../../common/types.ts';
import type { ExchangeEnd } from '../../http/exchange.ts';
import type { MessageProblem, SocketMessage } from '../../websocket/message.ts';
import { dialectOfSocket } from '../dialects/registry.ts';
import { CallRecognizer } from '../recognizer.ts';
import { TEST_OPTIONS } from '../testing.ts';
import { SocketSession } from './session.ts';

class Played {
  readonly seen: Observation[] = [];
  readonly session: SocketSession;
  #time = 1000;
  #offsets = { client: 200, server: 300 };

  constructor(target: string, memory: unknown = null, joined = false) {
    const path = target.split('?')[0]!;
    const origin = {
      connection: {
        ...{ id: '0123456789abcdef0123456789abcdef' as ConnectionId, network: '', origin: 'packets' as const },
        ...{ client: { address: '10.0.0.1', port: 40000 }, server: { address: '10.0.0.2', port: 80 } },
        ...{ probe: 'test', process: null, labels: {} },
      },
      requestHead: {
        ...{ method: 'GET', target, path, version: '1.1' as const, credential: null, partial: false },
        headers: new Map([
          ['host', 'api.openai.com'],
          ['user-agent', 'codex_exec/0.169.0 (Linux; x86_64) xterm (codex_exec; 0.169.0)'],
        ]),
      },
      responseHead: { status: 101, version: '1.1' as const, headers: new Map(), partial: false },
      dialect: dialectOfSocket(path)!,
    };
    const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => this.seen.push(observation));
    this.session = new SocketSession(recognizer, origin, memory, joined);
  }

  get calls(): Call[] {
    return this.seen.flatMap((each) => (each.type === 'call' ? [each.call] : []));
  }

  get exchanges(): ExchangeRow[] {
    return this.seen.flatMap((each) => (each.type === 'exchange' ? [each.exchange] : []));
  }

  get texts(): string[] {
    return this.seen.flatMap((each) => (each.type === 'call' ? each.contents.map(({ text }) => text) : []));
  }

  client(json: object, problem: MessageProblem = '', missingBytes = 0): this {
    return this.#play('client', JSON.stringify(json), problem, missingBytes);
  }

  server(json: object, problem: MessageProblem = '', missingBytes = 0): this {
    return this.#play('server', JSON.stringify(json), problem, missingBytes);
  }

  end(reason: ExchangeEnd): this {
    this.session.end(reason === 'complete' || reason === 'gap' ? 'limit' : reason);
    return this;
  }

  #play(side: 'client' | 'server', text: string, problem: MessageProblem, missingBytes: number): this {
    const data =
      problem === ''
        ? Buffer.from(text)
        : Buffer.from(text).subarray(0, problem === 'gap' || problem === 'cut' ? 60 : 0);
    const start = this.#time;
    this.#time += 1000;
    const message: SocketMessage = {
      ...{ side, isText: true, data, problem, missingBytes, wireBytes: data.length, start, end: this.#time },
      offset: this.#offsets[side],
    };
    this.#offsets[side] += text.length + 6;
    this.session.message(message);
    data.fill(0x23);
    return this;
  }
}

const responses = () => new Played('/v1/responses');
const create = (text: string, more: object = {}) => ({
  ...{ type: 'response.create', model: 'gpt-5', input: [{ role: 'user', content: text }] },
  ...more,
});
const ev = (type: string, fields: object = {}) => ({ type, ...fields });
const created = (id: string, more: object = {}) =>
  ev('response.created', { response: { id, status: 'in_progress' }, ...more });
const delta = (text: string, more: object = {}) =>
  ev('response.output_text.delta', { output_index: 0, content_index: 0, delta: text, ...more });
const completed = (id: string, more: object = {}) =>
  ev('response.completed', {
    response: {
      ...{ id, object: 'response', status: 'completed', model: 'gpt-5-2025', output: [] },
      usage: { input_tokens: 9, output_tokens: 2 },
    },
    ...more,
  });
const facts = (call: Call | undefined) => [call?.responseId, call?.outcome, call?.completeness, call?.answerPreview];

test('a call has the times of its own messages', () => {
  const [call] = responses()
    .client(create('Hi'))
    .server(created('r1'))
    .server(delta('Hello'))
    .server(completed('r1')).calls;
  assert.deepEqual(facts(call), ['r1', 'ok', 'full', 'Hello']);
  assert.deepEqual(
    [call!.requestStart, call!.requestEnd, call!.firstByte, call!.firstToken, call!.responseEnd],
    [1000, 2000, 2000, 4000, 5000],
  );
  assert.deepEqual(
    [call!.agentId, call!.protocol, call!.method, call!.status, call!.streaming],
    ['codex', 'websocket', 'GET', 101, true],
  );
  assert.deepEqual([call!.promptPreview, call!.inputTokens, call!.model], ['Hi', 9, 'gpt-5-2025']);
});

test('identity and the chain come from the message body', () => {
  const more = { client_metadata: { session_id: 's-1' }, prompt_cache_key: 'k', previous_response_id: 'r0' };
  const [call] = responses().client(create('Hi', more)).server(created('r1')).server(completed('r1')).calls;
  assert.deepEqual([call!.sessionId, call!.sessionSource, call!.previousResponseId], ['s-1', 'body', 'r0']);
});

test('a prewarm is an exchange that tells its response id, not a call', () => {
  const played = responses()
    .client(create('', { generate: false }))
    .server(created('r0'))
    .server(completed('r0'));
  assert.equal(played.calls.length, 0);
  const [row] = played.exchanges;
  assert.deepEqual(
    [row?.purpose, row?.responseId, row?.outcome, row?.protocol],
    ['prewarm', 'r0', 'complete', 'websocket'],
  );
  assert.ok(!JSON.stringify(row).includes('gpt-5'));
});

test('messages that are no requests, and events of no response, are no calls', () => {
  const played = responses()
    .client(ev('response.processed', { response_id: 'r' }))
    .server(ev('codex.rate_limits'));
  played.server(delta('of nothing')).end('server_close');
  assert.deepEqual([played.seen.length, played.session.busy], [0, false]);
});

test('responses in lanes are told apart, those in one lane come in order', () => {
  const a = { stream_id: 'a' };
  const b = { stream_id: 'b' };
  const played = responses().client(create('1', a)).client(create('2', b)).client(create('3', a));
  played.server(created('ra', a)).server(created('rb', b)).server(delta('A', a)).server(delta('B', b));
  played
    .server(completed('rb', b))
    .server(completed('ra', a))
    .server(created('rc', a))
    .server(delta('C', a))
    .server(completed('rc', a));
  assert.deepEqual(
    played.calls.map((call) => [call.promptPreview, ...facts(call)]),
    [
      ['2', 'rb', 'ok', 'full', 'B'],
      ['1', 'ra', 'ok', 'full', 'A'],
      ['3', 'rc', 'ok', 'full', 'C'],
    ],
  );
});

test('a successor that the server begins after steering has the queued input as its request', () => {
  const steer = (text: string) =>
    ev('response.steer', { previous_response_id: 'r1', input: [{ role: 'user', content: text }] });
  const played = responses().client(create('Go')).server(created('r1')).client(steer('Left')).client(steer('Right'));
  played.server(ev('response.steer.accepted', { steer: { id: 's' } }));
  played.server(
    ev('response.incomplete', {
      response: { id: 'r1', status: 'incomplete', incomplete_details: { reason: 'steered' }, output: [] },
    }),
  );
  assert.ok(played.session.busy, 'the queued input belongs to the next response');
  played.server(created('r2')).server(delta('Both')).server(completed('r2'));
  const [first, second] = played.calls;
  assert.deepEqual([first?.finishReasonRaw, first?.outcome], ['steered', 'ok']);
  assert.deepEqual(
    [...facts(second), second?.promptPreview, second?.messageCount],
    ['r2', 'ok', 'full', 'Both', 'Right', 2],
  );
  assert.equal(second?.previousResponseId, 'r1');
});

test('failures and aborts are calls with their outcome', () => {
  const failed = responses()
    .client(create('1'))
    .server(ev('error', { status: 429, error: { type: 'rate', message: 'Slow' } }));
  assert.deepEqual([failed.calls[0]?.outcome, failed.calls[0]?.errorType], ['stream_error', 'rate']);
  for (const [end, outcome, completeness] of [
    ['client_close', 'client_abort', 'full'],
    ['server_close', 'upstream_abort', 'full'],
    ['timeout', 'timeout', 'tail_missing'],
    ['capture_end', 'partial_capture', 'tail_missing'],
    ['limit', 'partial_capture', 'truncated'],
  ] as const) {
    const [call] = responses().client(create('1')).server(created('r1')).server(delta('Half')).end(end).calls;
    assert.deepEqual(facts(call), ['r1', outcome, completeness, 'Half']);
    const [unanswered] = responses().client(create('1')).end(end).calls;
    assert.deepEqual([unanswered?.outcome, unanswered?.firstByte], [outcome, null]);
  }
});

test('a connection that ends in the middle of a message has lost nothing of what was sent', () => {
  const answer = responses().client(create('1')).server(created('r1')).server(delta('Half')).server(delta('x'), 'cut');
  assert.deepEqual(facts(answer.end('server_close').calls[0]), ['r1', 'upstream_abort', 'full', 'Half']);
  const [asked] = responses().client(create('1'), 'cut').end('client_close').calls;
  assert.deepEqual([asked?.outcome, asked?.completeness], ['client_abort', 'full']);
});

test('a request that was lost leaves a call that says so', () => {
  const [call] = responses().server(created('r1')).server(delta('Hello')).server(completed('r1')).calls;
  assert.deepEqual([...facts(call), call?.requestStart], ['r1', 'ok', 'gap', 'Hello', null]);
});

test('a request with a hole is one still', () => {
  const [call] = responses().client(create('Hi'), 'gap', 30).server(created('r1')).server(completed('r1')).calls;
  assert.deepEqual(
    [call?.completeness, call?.missingBytes, call?.outcome, call?.requestedModel],
    ['gap', 30, 'ok', 'gpt-5'],
  );
});

test('after a loss, the next request or response tells that the one before is over', () => {
  const byClient = responses().client(create('1')).server(created('r1')).server(delta('One'));
  byClient.session.lost('server', 500);
  byClient.client(create('2')).server(created('r2')).server(completed('r2'));
  assert.deepEqual(facts(byClient.calls[0]), ['r1', 'partial_capture', 'gap', 'One']);
  assert.equal(byClient.calls[0]?.missingBytes, 500);
  assert.deepEqual(facts(byClient.calls[1]), ['r2', 'ok', 'full', '']);
  const byServer = responses().client(create('1')).client(create('2')).server(created('r1'));
  byServer.session.lost('server', 500);
  byServer.server(created('r2')).server(completed('r2'));
  assert.deepEqual(
    byServer.calls.map((call) => [call.responseId, call.outcome]),
    [
      ['r1', 'partial_capture'],
      ['r2', 'partial_capture'],
    ],
  );
});

test("what can't be inflated any more is a call whose answer isn't known", () => {
  const played = responses().client(create('1')).server(created('r1')).server(delta('x'), 'context');
  played.client(create('2')).server(completed('r1'), 'context').end('server_close');
  assert.deepEqual(
    played.calls.map(({ outcome, completeness, answerPreview }) => [outcome, completeness, answerPreview]),
    [
      ['partial_capture', 'gap', ''],
      ['partial_capture', 'gap', ''],
    ],
  );
});

const realtime = (query = '?model=gpt-realtime') => new Played(`/v1/realtime${query}`);
const SESSION = {
  ...{
    id: 'sess_1',
    model: 'gpt-realtime-2025',
    instructions: 'Be brief.',
    tools: [{ type: 'function', name: 'clock' }],
  },
  audio: { input: { format: { type: 'audio/pcm', rate: 24_000 } }, output: { format: { type: 'audio/pcmu' } } },
};
const item = (content: object[]) =>
  ev('conversation.item.create', { item: { type: 'message', role: 'user', content } });
const done = (id: string, status: string, output: object[], more: object = {}) =>
  ev('response.done', {
    response: {
      ...{ id, object: 'realtime.response', status, output, ...more },
      usage: { input_tokens: 50, output_tokens: 20, input_token_details: { cached_tokens: 30, audio_tokens: 8 } },
    },
  });
const audio = (bytes: number): string => Buffer.alloc(bytes, 9).toString('base64');

test('a realtime response is a call: items as its request, transcript as its answer, audio by size and length', () => {
  const played = realtime().server(ev('session.created', { session: SESSION }));
  played.client(
    item([
      { type: 'input_text', text: 'Hello' },
      { type: 'input_audio', audio: audio(4800) },
    ]),
  );
  played.client(ev('response.create', { response: { max_output_tokens: 99 } })).server(created('r1'));
  const at = { response_id: 'r1', output_index: 0, content_index: 0 };
  played.server(ev('response.output_audio_transcript.delta', { ...at, delta: 'Hi there' }));
  played.server(ev('response.output_audio.delta', { ...at, delta: audio(8000) }));
  played.server(ev('response.output_audio.delta', { ...at, delta: audio(801) }));
  const output = [{ type: 'message', content: [{ type: 'output_audio', transcript: 'Hi there' }] }];
  const [call] = played.server(done('r1', 'completed', output)).calls;
  assert.deepEqual(facts(call), ['r1', 'ok', 'full', 'Hi there']);
  assert.deepEqual(
    [call!.dialect, call!.requestedModel, call!.model],
    ['openai.realtime', 'gpt-realtime-2025', 'gpt-realtime-2025'],
  );
  assert.deepEqual(
    [call!.inputTokens, call!.cacheReadTokens, call!.outputTokens, call!.maxOutputTokens],
    [50, 30, 20, 99],
  );
  assert.deepEqual([call!.offeredTools, call!.promptPreview, call!.finishReason], [['clock'], 'Hello', 'stop']);
  const texts = played.texts.join('\n');
  assert.ok(
    texts.includes('"audio_bytes":4800,"audio_ms":100') && texts.includes('"audio_bytes":8801,"audio_ms":1100'),
  );
  assert.ok(!texts.includes(audio(300).slice(0, 40)), 'no audio is stored');
});

test('the beta names things otherwise and tells the same', () => {
  const played = realtime().server(
    ev('session.created', { session: { ...SESSION, audio: undefined, output_audio_format: 'pcm16' } }),
  );
  played.client(ev('response.create')).server(created('r1'));
  const at = { response_id: 'r1', output_index: 0, content_index: 0 };
  played.server(ev('response.audio.delta', { ...at, delta: audio(4800) }));
  played.server(ev('response.audio_transcript.delta', { ...at, delta: 'Hi' }));
  const [call] = played.server(done('r1', 'completed', [])).calls;
  assert.deepEqual(facts(call), ['r1', 'ok', 'full', 'Hi']);
  assert.equal(call!.firstToken! < call!.responseEnd!, true);
  assert.ok(played.texts.some((text) => text.includes('"audio_ms":100')));
});

test('what the server answers by itself has the audio that it heard as its request', () => {
  const played = realtime().client(ev('input_audio_buffer.append', { audio: audio(2400) }));
  played.client(ev('input_audio_buffer.append', { audio: audio(2400) })).server(ev('input_audio_buffer.committed'));
  played.server(created('r1')).server(done('r1', 'cancelled', [], { status_details: { reason: 'turn_detected' } }));
  const [call] = played.calls;
  assert.deepEqual([call?.requestedModel, call?.messageCount, call?.completeness], ['gpt-realtime', 1, 'full']);
  assert.deepEqual([call?.finishReason, call?.finishReasonRaw], ['other', 'turn_detected']);
  assert.ok(played.texts.includes('{"type":"input_audio","audio_bytes":4800,"audio_ms":100}'));
});

test('realtime responses that go on at the same time are told apart by their ids', () => {
  const played = realtime()
    .client(ev('response.create'))
    .client(ev('response.create'))
    .server(created('r1'))
    .server(created('r2'));
  const call = { type: 'function_call', call_id: 'c1', name: 'clock', arguments: '{}' };
  played.server(done('r2', 'completed', [call]));
  played.server(done('r1', 'failed', [], { status_details: { error: { type: 'server_error', message: 'Oh' } } }));
  assert.deepEqual(
    played.calls.map(({ responseId, outcome, finishReason, toolNames }) => [
      responseId,
      outcome,
      finishReason,
      toolNames,
    ]),
    [
      ['r2', 'ok', 'tool_calls', ['clock']],
      ['r1', 'stream_error', 'error', []],
    ],
  );
});

test('a successor knows the realtime session and the audio that was heard', () => {
  const before = realtime().server(ev('session.created', { session: SESSION }));
  before.client(ev('input_audio_buffer.append', { audio: audio(4800) }));
  assert.equal(before.session.busy, false);
  const after = new Played('/v1/realtime', JSON.parse(JSON.stringify(before.session.memory)));
  after
    .server(ev('input_audio_buffer.committed'))
    .server(created('r1'))
    .server(done('r1', 'completed', []));
  assert.deepEqual([after.calls[0]?.requestedModel, after.calls[0]?.offeredTools], ['gpt-realtime-2025', ['clock']]);
  assert.ok(after.texts.some((text) => text.includes('"audio_ms":100')));
});

test('a realtime response that is refused is a call with its error; other errors end nothing', () => {
  const played = realtime()
    .client(ev('response.create', { event_id: 'e1' }))
    .server(created('r1'));
  played.server(
    ev('error', { error: { type: 'invalid_request_error', code: 'invalid_value', message: 'No such item' } }),
  );
  played.client(ev('response.create', { event_id: 'e2' }));
  played.server(ev('error', { error: { type: 'invalid_request_error', message: 'Busy', event_id: 'e2' } }));
  played.client(ev('response.create'));
  const code = 'conversation_already_has_active_response';
  played.server(ev('error', { error: { type: 'invalid_request_error', code, message: 'Busy again' } }));
  played.server(done('r1', 'completed', []));
  assert.deepEqual(
    played.calls.map(({ responseId, outcome, errorMessage }) => [responseId, outcome, errorMessage]),
    [
      ['', 'stream_error', 'Busy'],
      ['', 'stream_error', 'Busy again'],
      ['r1', 'ok', ''],
    ],
  );
});

test('a limit ends what is open; the rest of that response belongs to no other', () => {
  const played = responses().client(create('1')).server(created('r1')).server(delta('One'));
  played.session.end('limit');
  assert.equal(played.session.busy, false);
  played
    .client(create('2'))
    .server(delta('late'))
    .server(completed('r1'))
    .server(created('r2'))
    .server(delta('Two'))
    .server(completed('r2'));
  assert.deepEqual(played.calls.map(facts), [
    ['r1', 'partial_capture', 'truncated', 'One'],
    ['r2', 'ok', 'full', 'Two'],
  ]);
  const waiting = realtime().client(item([{ type: 'input_text', text: 'Hello' }]));
  assert.equal(waiting.session.busy, true);
  waiting.session.end('limit');
  assert.equal(waiting.session.busy, false);
});

test('behind a join, the rest of a response that was asked for before it is no answer to the next request', () => {
  const played = new Played('/v1/responses', null, true);
  played.server(delta('old')).client(create('2')).server(delta('old, too')).server(completed('r1'));
  played.server(created('r2')).server(delta('Two')).server(completed('r2'));
  played.client(create('3')).server(ev('error', { status: 429, error: { type: 'rate', message: 'Slow' } }));
  assert.deepEqual(played.calls.map(facts), [
    ['r2', 'ok', 'full', 'Two'],
    ['', 'stream_error', 'full', ''],
  ]);
});

test('an answer that was lost whole leaves its request alone when the client has gone on', () => {
  const played = responses().client(create('1')).client(create('2'));
  played.session.lost('server', 100);
  played.server(created('r2')).server(delta('Two')).server(completed('r2'));
  assert.deepEqual(
    played.calls.map((call) => [call.promptPreview, ...facts(call)]),
    [
      ['1', '', 'partial_capture', 'gap', ''],
      ['2', 'r2', 'partial_capture', 'gap', 'Two'],
    ],
  );
});

test('messages of any shape are read without an error, and nothing piles up', () => {
  const types = [
    'response.create',
    'response.created',
    'response.output_text.delta',
    'response.completed',
    'response.done',
    'error',
    'response.steer',
    'conversation.item.create',
    'input_audio_buffer.append',
    'input_audio_buffer.committed',
    'session.created',
    'response.audio.delta',
    '',
  ];
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({ id: fc.string(), output: fc.jsonValue(), status: fc.jsonValue() }),
    fc.string(),
  );
  const names = [
    'response',
    'item',
    'audio',
    'delta',
    'session',
    'error',
    'stream_id',
    'response_id',
    'output_index',
    'content_index',
    'input',
    'generate',
  ];
  const fields = fc.dictionary(fc.constantFrom(...names), value, { maxKeys: 4 });
  const step = fc.tuple(fc.boolean(), fc.constantFrom(...types), fields);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), fc.boolean(), (steps, isRealtime) => {
      const played = isRealtime ? realtime() : responses();
      for (const [fromClient, type, more] of steps) {
        if (fromClient) played.client({ type, ...more });
        else played.server({ type, ...more });
      }
      played.end('server_close');
      assert.deepEqual([played.session.open, played.session.busy], [0, false]);
    }),
    { numRuns: 500 },
  );
});

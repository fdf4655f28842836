import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalHash } from '../json/canonical.ts';
import { EVENT_STREAM, observe, type Script, START, sse, TEST_OPTIONS } from '../testing.ts';

const rpc = (id: unknown, method: string, params: object = {}) => ({ method, params, jsonrpc: '2.0', id });
const CALL = rpc(3, 'tools/call', {
  name: 'read_file',
  arguments: { path: '/a', limit: 10 },
  _meta: { 'claudecode/toolUseId': 'toolu_01', progressToken: 3 },
});
const RESULT = { content: [{ type: 'text', text: 'Grüße' }], isError: false };
const answer = (result: unknown, id: unknown = 3) => ({ jsonrpc: '2.0', id, result });
const HEADERS = {
  'mcp-session-id': 'mcp-1',
  'mcp-protocol-version': '2025-06-18',
  accept: 'application/json, text/event-stream',
  'x-agent-id': 'coder',
  'x-session-id': 's-1',
};
const JSON_ANSWER: Script = {
  path: '/mcp',
  requestHeaders: HEADERS,
  request: CALL,
  response: [[9000, JSON.stringify(answer({ ...RESULT, _meta: { took: 1 } }))]],
};
const progress = [
  'message',
  { jsonrpc: '2.0', method: 'notifications/progress', params: { progressToken: 3, progress: 1 } },
] as const;
const STREAMED: Script = {
  ...JSON_ANSWER,
  responseHeaders: EVENT_STREAM,
  response: sse([progress, progress, ['message', answer(RESULT)], progress]),
};

function only(script: Script) {
  const { calls, exchanges, executions, contents } = observe([script]);
  assert.deepEqual([calls.length, exchanges.length, executions.length], [0, 0, 1]);
  return { row: executions[0]!, contents };
}

test('a tool that was run is a row of its own, with hashes that a model’s tool call can be joined by', () => {
  const { row, contents } = only(JSON_ANSWER);
  assert.deepEqual(
    [row.toolName, row.toolCallId, row.rpcId, row.server],
    ['read_file', 'toolu_01', '3', 'api.test/mcp'],
  );
  assert.deepEqual([row.mcpSession, row.protocolVersion], ['mcp-1', '2025-06-18']);
  assert.equal(row.argumentsHash, canonicalHash({ limit: 10, path: '/a' }));
  assert.equal(row.resultHash, canonicalHash(RESULT));
  assert.deepEqual([row.outcome, row.isError, row.status, row.completeness], ['ok', false, 200, 'full']);
  assert.deepEqual([row.started, row.ended, row.durationMs], [START, START + 9000, 9]);
  assert.deepEqual([row.agentId, row.sessionId, row.identitySource], ['coder', 's-1', 'header']);
  const texts = new Map(contents.map(({ hash, text }) => [hash, text]));
  assert.equal(texts.get(row.argumentsContent as never), '{"path":"/a","limit":10}');
  assert.deepEqual(JSON.parse(texts.get(row.resultContent as never)!), RESULT);
  assert.deepEqual([row.argumentsBytes, row.resultBytes], [24, Buffer.byteLength(JSON.stringify(RESULT))]);
});

test('a result in a stream of events counts from the event that brought it, and the notifications before it are counted', () => {
  const { row } = only(STREAMED);
  assert.deepEqual([row.outcome, row.notifications, row.ended], ['ok', 3, START + 12_000]);
  assert.equal(row.resultHash, only(JSON_ANSWER).row.resultHash);
});

test('failures of the tool and of the protocol are told apart', () => {
  const failed = only({
    ...JSON_ANSWER,
    response: [[9000, JSON.stringify(answer({ content: [{ type: 'text', text: 'No such file' }], isError: true }))]],
  });
  assert.deepEqual(
    [failed.row.outcome, failed.row.isError, failed.row.errorMessage],
    ['tool_error', true, 'No such file'],
  );
  const error = { jsonrpc: '2.0', id: 3, error: { code: -32602, message: 'Unknown tool' } };
  const refused = only({ ...JSON_ANSWER, response: [[9000, JSON.stringify(error)]] });
  assert.deepEqual(
    [refused.row.outcome, refused.row.errorCode, refused.row.errorMessage],
    ['rpc_error', '-32602', 'Unknown tool'],
  );
  assert.equal(refused.row.resultHash, '');
  const gone = only({ ...JSON_ANSWER, status: 404, response: [[9000, 'Session not found']] });
  assert.deepEqual([gone.row.outcome, gone.row.status], ['http_error', 404]);
  const aborted = only({ ...STREAMED, response: sse([progress]), end: 'client_close', responseState: 'cut' });
  assert.deepEqual([aborted.row.outcome, aborted.row.completeness], ['client_abort', 'full']);
  const unanswered = only({ ...JSON_ANSWER, status: 0, end: 'client_close' });
  assert.deepEqual(
    [unanswered.row.outcome, unanswered.row.firstByte, unanswered.row.resultContent],
    ['client_abort', null, ''],
  );
});

test('a list of messages gives a row for each tool in it, each with its own answer', () => {
  const messages = [
    rpc('a', 'tools/call', { name: 'x' }),
    rpc('b', 'ping'),
    rpc('c', 'tools/call', { name: 'y', arguments: {} }),
  ];
  const answers = [answer({}, 'b'), answer({ content: [], isError: true }, 'c'), answer(RESULT, 'a')];
  const { executions } = observe([{ ...JSON_ANSWER, request: messages, response: [[9000, JSON.stringify(answers)]] }]);
  assert.deepEqual(
    executions.map(({ toolName, rpcId, outcome }) => [toolName, rpcId, outcome]),
    [
      ['x', '"a"', 'ok'],
      ['y', '"c"', 'tool_error'],
    ],
  );
  assert.equal(new Set(executions.map(({ executionId }) => executionId)).size, 2);
  assert.equal(executions[0]!.argumentsHash, executions[1]!.argumentsHash, 'no arguments are empty arguments');
});

test('the older transport answers elsewhere: the row says so', () => {
  const { row } = only({
    ...JSON_ANSWER,
    requestHeaders: {},
    path: '/messages/',
    status: 202,
    responseHeaders: { 'content-type': 'text/plain' },
    response: [[3000, 'Accepted']],
  });
  assert.deepEqual([row.outcome, row.resultHash, row.completeness], ['accepted', '', 'full']);
});

test('everything else of the protocol is an exchange', () => {
  const scripts = ['initialize', 'tools/list', 'resources/read', 'ping', 'notifications/initialized'].map(
    (method): Script => {
      const request = method.startsWith('notifications')
        ? { jsonrpc: '2.0', method }
        : rpc(1, method, { name: 'tools/call' });
      return { ...JSON_ANSWER, request, response: [[9000, JSON.stringify(answer({ tools: [] }, 1))]] };
    },
  );
  const broken: Script = { ...JSON_ANSWER, request: '{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{' };
  const { exchanges, executions } = observe([...scripts, broken]);
  assert.deepEqual([exchanges.length, executions.length], [6, 0]);
});

test('without content only hashes and sizes come out', () => {
  const { executions, contents } = observe([{ ...JSON_ANSWER }], { ...TEST_OPTIONS, content: false });
  assert.equal(contents.length, 0);
  const row = executions[0]!;
  assert.deepEqual([row.argumentsContent, row.resultContent, row.argumentsBytes], ['', '', 24]);
  assert.equal(row.argumentsHash, canonicalHash({ limit: 10, path: '/a' }));
});

test('a hole in a streamed result leaves the row without it, flagged', () => {
  const text = Buffer.from(`event: message\ndata: ${JSON.stringify(answer(RESULT))}\n\n`);
  const { row } = only({
    ...STREAMED,
    response: [[5000, text.subarray(0, 40)], { gap: 20 }, [6000, text.subarray(60)]],
  });
  assert.deepEqual(
    [row.outcome, row.completeness, row.missingBytes, row.resultHash],
    ['partial_capture', 'gap', 20, ''],
  );
});

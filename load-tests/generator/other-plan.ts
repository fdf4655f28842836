/** Plans HTTP that isn't an LLM call: probes, lists, files, answers without a body. */
import { buildMessage, type MessagePlan } from './http-message.ts';
import type { PlannedExchange } from './planned.ts';
import type { Random } from './random.ts';
import { sentence } from './words.ts';

interface Other {
  readonly method: string;
  readonly target: string;
  readonly status: number;
  readonly requestBody: string;
  readonly responseBody: string;
  readonly type: string;
  /** HEAD and 304 tell the length of a body that doesn't come. */
  readonly toldLength: number;
}

const other = (method: string, target: string, status: number, fields: Partial<Other> = {}): Other => ({
  method,
  target,
  status,
  requestBody: '',
  responseBody: '',
  type: 'application/json',
  toldLength: 0,
  ...fields,
});

function choose(random: Random): Other {
  const models = JSON.stringify({ object: 'list', data: [{ id: 'gpt-4.1-mini', object: 'model' }] });
  const count = JSON.stringify({
    model: 'claude-sonnet-4-5',
    messages: [{ role: 'user', content: sentence(random, 30) }],
  });
  return random.pick<Other>([
    other('GET', '/healthz', 200, { responseBody: 'ok', type: 'text/plain' }),
    other('GET', '/v1/models', 200, { responseBody: models }),
    other('POST', '/v1/messages/count_tokens', 200, { requestBody: count, responseBody: '{"input_tokens":41}' }),
    other('HEAD', '/static/app.js', 200, { type: 'text/javascript', toldLength: 48_211 }),
    other('DELETE', '/v1/files/file-1', 204),
    other('GET', '/static/logo.svg', 304, { type: 'image/svg+xml', toldLength: 2_048 }),
    other('GET', '/static/page.html', 200, { type: 'text/html', responseBody: `<p>${sentence(random, 900)}</p>` }),
    other('POST', '/api/login', 302, { requestBody: '{"user":"a"}' }),
    other('GET', '/missing', 404, { responseBody: '{"error":"no such path"}' }),
  ]);
}

const PLAIN: Omit<MessagePlan, 'startLine' | 'headers' | 'pieces' | 'framing'> = {
  coding: 'identity',
  oddChunks: false,
  extensions: false,
  trailers: false,
  tokenPiece: -1,
  cutAfter: -1,
  withoutLastChunk: false,
};

/** Whether the response has a body at all (RFC 9112 section 6.3). */
const isBodiless = (plan: Other): boolean => plan.method === 'HEAD' || plan.status === 204 || plan.status === 304;

function responseHeaders(plan: Other): [string, string][] {
  const headers: [string, string][] = plan.status === 204 ? [] : [['content-type', plan.type]];
  if (plan.toldLength > 0) headers.push(['content-length', String(plan.toldLength)]);
  return headers;
}

export function planOther(random: Random): PlannedExchange {
  const plan = choose(random);
  const host = random.pick(['api.openai.com', 'api.anthropic.com', 'intranet.example']);
  const requestHeaders: [string, string][] = [
    ['host', host],
    ['user-agent', 'kube-probe/1.31'],
    ...(plan.requestBody === '' ? [] : [['content-type', 'application/json'] as [string, string]]),
  ];
  const request = buildMessage(
    {
      ...PLAIN,
      startLine: `${plan.method} ${plan.target} HTTP/1.1`,
      headers: requestHeaders,
      pieces: plan.requestBody === '' ? [] : [{ text: plan.requestBody, delayUs: 0 }],
      framing: plan.requestBody === '' ? 'none' : 'length',
    },
    random,
  );
  const chunked = plan.responseBody !== '' && random.chance(0.3);
  const response = buildMessage(
    {
      ...PLAIN,
      startLine: `HTTP/1.1 ${plan.status} X`,
      headers: responseHeaders(plan),
      pieces: plan.responseBody === '' ? [] : [{ text: plan.responseBody, delayUs: 0 }],
      framing: isBodiless(plan) ? 'none' : chunked ? 'chunked' : 'length',
    },
    random,
  );
  return {
    request,
    response,
    interim: [],
    thinkUs: random.int(100, 5000),
    ending: 'keep',
    entry: {
      type: 'exchange',
      facts: {
        method: plan.method,
        host,
        path: plan.target,
        status: plan.status,
        request_bytes: request.bodyBytes,
        response_bytes: response.bodyBytes,
      },
    },
  };
}

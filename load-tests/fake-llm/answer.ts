/** Sends what a scenario says, in the words of a dialect. */
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { constants, createGzip, type Gzip, gzipSync } from 'node:zlib';
import type { Dialect, StreamEvent } from '../dialects/dialect.ts';
import { streamType, written } from '../dialects/index.ts';
import { cutWords, makeReply } from './reply.ts';
import { FAKE_LLM_DEFAULTS, type Scenario } from './scenario.ts';
import type { SeenRequest } from './seen-request.ts';
import type { Served } from './served.ts';

const nowMicros = (): number => Math.round((performance.timeOrigin + performance.now()) * 1000);

type Failing = Extract<Scenario, { kind: 'failure' }>;

function sendFailure(dialect: Dialect, scenario: Failing, served: Served, response: ServerResponse): void {
  const { status, errorType, body, headers } = dialect.failure(scenario.failure, scenario.message);
  served.errorType = errorType;
  served.status = status;
  served.responseBody = Buffer.from(JSON.stringify(body));
  served.responseBytes = served.responseBody.length;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': served.responseBytes,
    ...headers,
    ...(scenario.retryAfterMs === undefined ? {} : { 'retry-after-ms': scenario.retryAfterMs }),
  });
  response.end(served.responseBody, () => {
    served.end = 'complete';
  });
}

function sendWhole(dialect: Dialect, gzip: boolean, cut: boolean, served: Served, response: ServerResponse): void {
  served.status = 200;
  served.responseBody = Buffer.from(JSON.stringify(dialect.json(served.reply!)));
  const bytes = gzip ? gzipSync(served.responseBody) : served.responseBody;
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': bytes.length,
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  });
  if (cut) {
    const half = bytes.subarray(0, bytes.length >> 1);
    served.responseBytes = half.length;
    served.end = 'upstream_abort';
    response.write(half, () => response.destroy());
    return;
  }
  served.responseBytes = bytes.length;
  response.end(bytes, () => {
    served.end = 'complete';
  });
}

/** Writes one event and waits until it is on its way, so that each has its own packet. */
async function sendEvent(
  dialect: Dialect,
  each: StreamEvent,
  served: Served,
  response: ServerResponse,
  packer: Gzip | null,
): Promise<void> {
  const bytes = written(dialect, each);
  served.responseBody = Buffer.concat([served.responseBody, bytes]);
  served.events.push({ time: nowMicros(), data: each.data, token: each.token, end: each.end });
  if (packer === null) {
    served.responseBytes += bytes.length;
    response.write(bytes);
    return;
  }
  packer.write(bytes);
  await new Promise<void>((resolve) => packer.flush(constants.Z_SYNC_FLUSH, resolve));
}

function startStream(dialect: Dialect, served: Served, response: ServerResponse, gzip: boolean): Gzip | null {
  served.status = 200;
  response.writeHead(200, {
    'content-type': streamType(dialect),
    'cache-control': 'no-cache',
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  });
  if (!gzip) return null;
  const packer = createGzip();
  packer.on('data', (bytes: Buffer) => {
    served.responseBytes += bytes.length;
    response.write(bytes);
  });
  return packer;
}

async function endStream(served: Served, response: ServerResponse, packer: Gzip | null): Promise<void> {
  if (packer !== null) {
    const ended = new Promise((resolve) => packer.once('end', resolve));
    packer.end();
    await ended;
  }
  served.end = 'complete';
  response.end();
}

interface Plan {
  readonly events: readonly StreamEvent[];
  readonly cut: boolean;
  readonly gzip: boolean;
  readonly firstTokenMs: number;
  readonly eventGapMs: number;
}

/** HTTP/2's responses don't tell by themselves that their stream was reset. */
const isGone = (served: Served, response: ServerResponse): boolean =>
  response.destroyed || served.end === 'client_abort';

async function sendStream(dialect: Dialect, plan: Plan, served: Served, response: ServerResponse): Promise<void> {
  await sleep(plan.firstTokenMs);
  if (isGone(served, response)) return;
  const packer = startStream(dialect, served, response, plan.gzip);
  for (const each of plan.events) {
    if (isGone(served, response)) return;
    await sendEvent(dialect, each, served, response, packer);
    await sleep(plan.eventGapMs);
  }
  if (plan.cut) {
    served.end = 'upstream_abort';
    response.destroy();
  } else if (!isGone(served, response)) await endStream(served, response, packer);
}

function planOf(dialect: Dialect, scenario: Exclude<Scenario, { kind: 'failure' | 'hang' }>, served: Served): Plan {
  const all = dialect.events(served.reply!, cutWords);
  const base = { events: all, cut: false, gzip: false, ...FAKE_LLM_DEFAULTS };
  switch (scenario.kind) {
    case 'answer':
      return {
        ...base,
        gzip: scenario.gzip ?? false,
        firstTokenMs: scenario.firstTokenMs ?? base.firstTokenMs,
        eventGapMs: scenario.eventGapMs ?? base.eventGapMs,
      };
    case 'abort':
      return { ...base, events: all.slice(0, scenario.events), cut: true };
    case 'stream_failure': {
      const { errorType, event } = dialect.streamFailure(scenario.message);
      served.errorType = errorType;
      return { ...base, events: [...all.slice(0, scenario.events), event] };
    }
  }
}

export async function answer(
  dialect: Dialect,
  request: SeenRequest,
  scenario: Scenario,
  served: Served,
  response: ServerResponse,
  count: number,
): Promise<void> {
  if (scenario.kind === 'hang') return;
  if (scenario.kind === 'failure') return sendFailure(dialect, scenario, served, response);
  served.reply = makeReply(request, scenario.answer, count);
  const plan = planOf(dialect, scenario, served);
  if (request.streaming) return sendStream(dialect, plan, served, response);
  await sleep(plan.firstTokenMs);
  sendWhole(dialect, plan.gzip, plan.cut, served, response);
}

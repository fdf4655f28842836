/**
 * The reference traffic for measurements of speed: requests of 48 KB on average that grow with their conversation, answers of
 * 80 SSE events, one packet an event, ACKs for every second packet; about 72 KB of packets a call.
 */

import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import type { Ask, Dialect, Reply, ToolDefinition, Turn } from '../dialects/dialect.ts';
import { DIALECTS, sse } from '../dialects/index.ts';
import { ethernetFrame, PcapWriter } from '../wire/packets.ts';
import { buildMessage, type MessagePlan } from './http-message.ts';
import { layOutHttp2 } from './http2/layout.ts';
import { type Packet, packetsOf } from './packets.ts';
import type { PlannedExchange } from './planned.ts';
import { Random } from './random.ts';
import { layOut } from './timeline.ts';
import { sentence } from './words.ts';

export interface ReferenceOptions {
  readonly seed: number;
  readonly calls: number;
  /** The same calls over HTTP/2. */
  readonly http2?: boolean;
}

export const REFERENCE = {
  /** Calls of one conversation; each on one kept-alive connection. */
  conversationCalls: 16,
  /** Conversations at the same time. */
  conversationsAtOnce: 32,
  requestBytesMean: 48_000,
  /** Of the first request of a conversation. */
  requestBytesFirst: 37_000,
  textEvents: 74,
  /** 18 November 2026, 10:26:40 UTC, in µs. */
  start: 1_795_000_000_000_000,
} as const;

const PLAIN: Omit<MessagePlan, 'startLine' | 'headers' | 'pieces' | 'framing'> = {
  coding: 'identity',
  oddChunks: false,
  extensions: false,
  trailers: false,
  tokenPiece: -1,
  cutAfter: -1,
  withoutLastChunk: false,
};

/** Instructions, tools and JSON around the first prompt. */
const OVERHEAD_BYTES = 15_700;

const text = (random: Random, bytes: number): string => {
  const block = sentence(random, 40);
  return block.repeat(Math.ceil(bytes / Buffer.byteLength(block))).slice(0, bytes);
};

const tools: readonly ToolDefinition[] = Array.from({ length: 12 }, (_, at) => ({
  name: `tool_${at}`,
  description: `Does a thing of kind ${at} with care, and tells what came of it. `.repeat(6),
  parameters: ['path', 'pattern', 'limit'],
}));

function reply(dialect: Dialect, model: string, random: Random, input: number): Reply {
  const anthropic = dialect.name === 'anthropic.messages';
  return {
    id: (anthropic ? 'msg_01' : 'chatcmpl-') + random.hex(24),
    model,
    created: 1_795_000_000,
    reasoning: '',
    text: sentence(random, REFERENCE.textEvents),
    toolCalls: [],
    finish: 'stop',
    usage: { input, cacheRead: Math.floor(input * 0.9), cacheWrite: 0, output: 160, reasoning: 0 },
    tellUsage: true,
    interleaved: false,
  };
}

function call(dialect: Dialect, ask: Ask, answer: Reply, random: Random): PlannedExchange {
  const words = answer.text.split(' ');
  const pieces = dialect.events(answer, () => words.map((word) => `${word} `));
  const body = JSON.stringify(dialect.request(ask));
  const request = buildMessage(
    {
      ...PLAIN,
      startLine: `POST ${dialect.target(ask, '')} HTTP/1.1`,
      headers: [
        ['host', 'llm.example'],
        ['content-type', 'application/json'],
        ['x-agent-id', `agent-${random.int(1, 20)}`],
        ...dialect.headers('made-up-planted'),
      ],
      pieces: [{ text: body, delayUs: 0 }],
      framing: 'length',
    },
    random,
  );
  const response = buildMessage(
    {
      ...PLAIN,
      startLine: 'HTTP/1.1 200 OK',
      headers: [['content-type', 'text/event-stream; charset=utf-8']],
      pieces: pieces.map((each) => ({ text: sse(each), delayUs: 12_000 })),
      framing: 'chunked',
    },
    random,
  );
  const facts = { method: 'POST', host: 'llm.example', path: '', status: 200, request_bytes: 0, response_bytes: 0 };
  return { request, response, interim: [], thinkUs: 200_000, ending: 'keep', entry: { type: 'exchange', facts } };
}

/** Requests grow in equal steps from the first to twice the mean less the first. */
function conversation(calls: number, random: Random): PlannedExchange[][] {
  const dialect = DIALECTS[random.chance(0.5) ? 'openai.chat' : 'anthropic.messages'];
  const model = dialect.name === 'openai.chat' ? 'gpt-4.1-mini' : 'claude-sonnet-4-5';
  const step = (2 * (REFERENCE.requestBytesMean - REFERENCE.requestBytesFirst)) / (REFERENCE.conversationCalls - 1);
  const system = text(random, 8_000);
  const turns: Turn[] = [{ role: 'user', text: text(random, REFERENCE.requestBytesFirst - OVERHEAD_BYTES) }];
  const groups: PlannedExchange[][] = [];
  for (let at = 0; at < calls; at++) {
    const ask: Ask = { model, system, turns, tools, streaming: true, includeUsage: true, maxTokens: 4000, user: '' };
    const answer = reply(dialect, model, random, 12_000);
    groups.push([call(dialect, ask, answer, random)]);
    turns.push({ role: 'assistant', text: answer.text, toolCalls: [] });
    turns.push({ role: 'user', text: text(random, Math.max(100, step - 700)) });
  }
  return groups;
}

function connectionPackets(number: number, calls: number, start: number, random: Random, http2: boolean): Packet[] {
  const groups = conversation(calls, random);
  const timeline = http2 ? layOutHttp2(groups, start, random) : layOut(groups, start, random);
  return packetsOf(
    timeline,
    {
      connection: number,
      client: { ip: '10.1.0.1', port: 0 },
      server: { ip: '10.2.0.1', port: 8000 },
      isn: { client: random.int(0, 0xffff_ffff), server: random.int(0, 0xffff_ffff) },
      segmentation: 'mss',
      handshake: 'plain',
      quietEnd: 'fin',
    },
    random,
  );
}

/** Batches of some megabytes of a capture; the first begins with the file's header. */
export function* referenceTraffic(
  options: ReferenceOptions,
): Generator<{ bytes: Buffer; packets: number; calls: number }> {
  const random = new Random(options.seed);
  const writer = new PcapWriter();
  let start: number = REFERENCE.start;
  let number = 0;
  for (let left = options.calls; left > 0; ) {
    const batch: Packet[] = [];
    let calls = 0;
    for (let at = 0; at < REFERENCE.conversationsAtOnce && calls < left; at++) {
      const size = Math.min(REFERENCE.conversationCalls, left - calls);
      batch.push(
        ...connectionPackets(number++, size, start + random.int(0, 2_000_000), random.fork(), options.http2 ?? false),
      );
      calls += size;
    }
    batch.sort((one, two) => one.time - two.time);
    for (const packet of batch) {
      const client = {
        ip: `10.1.${(packet.connection >> 8) & 255}.${packet.connection & 255}`,
        port: 40_000 + (packet.connection % 20_000),
      };
      const server = { ip: '10.2.0.1', port: 8000 };
      const [from, to] = packet.side === 'client' ? [client, server] : [server, client];
      writer.packet(packet.time, ethernetFrame({ ...packet, from, to }));
    }
    left -= calls;
    start = batch.at(-1)!.time + 1000;
    yield { bytes: writer.drain(), packets: batch.length, calls };
  }
}

export async function writeReference(
  options: ReferenceOptions,
  path: string,
): Promise<{ bytes: number; packets: number; calls: number }> {
  const file = createWriteStream(path);
  const total = { bytes: 0, packets: 0, calls: 0 };
  for (const batch of referenceTraffic(options)) {
    total.bytes += batch.bytes.length;
    total.packets += batch.packets;
    total.calls += batch.calls;
    if (!file.write(batch.bytes)) await once(file, 'drain');
  }
  file.end();
  await finished(file);
  return total;
}

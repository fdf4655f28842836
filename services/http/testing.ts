/** For tests: writes frames by hand and records what the HTTP layer makes of them. */
import { crc32 } from 'node:zlib';
import type { CloseReason, Frame, RolesSource, Segment, SegmentKind, Side } from '../../schemas/frame.ts';
import type { ConnectionId } from '../common/types.ts';
import { HttpAssembler } from './assembler.ts';
import { createCredentialMasker } from './credentials.ts';
import type { BodyConsumer, Exchange, ExchangeHandler } from './exchange.ts';
import { HTTP_DEFAULTS, type HttpOptions, type HttpStats } from './options.ts';

/** One thing that happens on a connection; times count up by themselves. */
export interface Step {
  readonly side: Side;
  readonly kind?: SegmentKind;
  readonly gap?: number;
  readonly bytes?: string | Buffer;
}

export const client = (bytes: string | Buffer, gap = 0): Step => ({ side: 'client', bytes, gap });
export const server = (bytes: string | Buffer, gap = 0): Step => ({ side: 'server', bytes, gap });
export const fin = (side: Side): Step => ({ side, kind: 'fin' });
export const rst = (side: Side): Step => ({ side, kind: 'rst' });

export interface FrameOptions {
  readonly fromStart?: boolean;
  readonly rolesSource?: RolesSource;
  readonly close?: CloseReason | null;
  /** Steps in each frame. */
  readonly stepsPerFrame?: number;
  readonly connection?: string;
}

/** Segment `n` has the time `1000 + n`. */
export function framesOf(steps: readonly Step[], options: FrameOptions = {}): readonly Frame[] {
  const perFrame = options.stepsPerFrame ?? 3;
  const offsets = { client: 0, server: 0 };
  const frames: Frame[] = [];
  for (let at = 0; at < steps.length || frames.length === 0; at += perFrame) {
    const part = steps.slice(at, at + perFrame);
    const [clientOffset, serverOffset] = [offsets.client, offsets.server];
    const payloads: Buffer[] = [];
    const segments = part.map((step, n): Segment => {
      const bytes =
        typeof step.bytes === 'string' ? Buffer.from(step.bytes, 'latin1') : (step.bytes ?? Buffer.alloc(0));
      payloads.push(bytes);
      const gap = step.gap ?? 0;
      offsets[step.side] += gap + bytes.length;
      return { side: step.side, kind: step.kind ?? 'data', time: 1000 + at + n, gap, length: bytes.length };
    });
    frames.push({
      connection: (options.connection ?? 'c1') as ConnectionId,
      sequence: frames.length,
      network: 'default',
      client: { address: '10.0.0.1', port: 40000 },
      server: { address: '10.0.0.2', port: 80 },
      rolesSource: options.rolesSource ?? 'handshake',
      fromStart: options.fromStart ?? true,
      origin: 'packets',
      probe: 'test',
      process: null,
      labels: {},
      clientOffset,
      serverOffset,
      segments,
      payload: Buffer.concat(payloads),
      close: at + perFrame >= steps.length ? (options.close ?? null) : null,
      losses: [],
    });
  }
  return frames;
}

export interface Recorded {
  readonly exchange: Exchange;
  readonly requestBody: Buffer;
  readonly responseBody: Buffer;
  readonly bodyGaps: number;
}

class Collector implements BodyConsumer {
  readonly parts: Buffer[] = [];
  readonly times: number[] = [];
  gaps = 0;
  data(bytes: Buffer, time: number): void {
    this.parts.push(Buffer.from(bytes));
    this.times.push(time);
  }
  gap(): void {
    this.gaps++;
  }
}

/** Records exchanges and checks the order of calls that `ExchangeHandler` promises. */
export class Recorder implements ExchangeHandler {
  readonly ended: Recorded[] = [];
  readonly violations: string[] = [];
  readonly responseTimes: (readonly number[])[] = [];
  readonly #open = new Map<Exchange, { request: Collector; response: Collector; requestEnded: boolean }>();

  get openCount(): number {
    return this.#open.size;
  }

  onRequest(exchange: Exchange): BodyConsumer {
    if (exchange.requestHead === null || this.#open.has(exchange)) this.violations.push('onRequest');
    return this.#entry(exchange).request;
  }

  onRequestEnd(exchange: Exchange): void {
    const entry = this.#open.get(exchange);
    if (entry === undefined || entry.requestEnded) this.violations.push('onRequestEnd');
    if (entry !== undefined) entry.requestEnded = true;
  }

  onResponse(exchange: Exchange): BodyConsumer {
    if (exchange.requestHead !== null && !this.#open.has(exchange)) this.violations.push('onResponse');
    if (exchange.responseHead === null) this.violations.push('onResponse without head');
    return this.#entry(exchange).response;
  }

  onEnd(exchange: Exchange): void {
    const entry = this.#open.get(exchange);
    if (entry === undefined || exchange.end === null) this.violations.push('onEnd');
    if (entry === undefined) return;
    if (exchange.requestHead !== null && !entry.requestEnded) this.violations.push('onEnd before onRequestEnd');
    this.#open.delete(exchange);
    this.responseTimes.push(entry.response.times);
    this.ended.push({
      exchange,
      requestBody: Buffer.concat(entry.request.parts),
      responseBody: Buffer.concat(entry.response.parts),
      bodyGaps: entry.request.gaps + entry.response.gaps,
    });
  }

  #entry(exchange: Exchange): { request: Collector; response: Collector; requestEnded: boolean } {
    const known = this.#open.get(exchange);
    if (known !== undefined) return known;
    const entry = { request: new Collector(), response: new Collector(), requestEnded: false };
    this.#open.set(exchange, entry);
    return entry;
  }
}

export const TEST_MASKER = createCredentialMasker(Buffer.from('a key for tests only'));

export interface Run {
  readonly recorder: Recorder;
  readonly ended: readonly Recorded[];
  readonly stats: HttpStats;
}

export function run(frames: readonly Frame[], options: Partial<HttpOptions> = {}): Run {
  const recorder = new Recorder();
  const assembler = new HttpAssembler({ ...HTTP_DEFAULTS, ...options }, recorder, TEST_MASKER);
  for (const frame of frames) assembler.feed(frame);
  assembler.end();
  return { recorder, ended: recorder.ended, stats: assembler.stats };
}

/** Payload bytes that the counters account for. */
export function accounted(stats: HttpStats): number {
  const { headBytes, bodyBytes, framingBytes, opaqueBytes, tunnelBytes, skippedBytes, duplicateBytes } = stats;
  return headBytes + bodyBytes + framingBytes + opaqueBytes + tunnelBytes + skippedBytes + duplicateBytes;
}

/** An exchange in one line: what the tables of the tests compare. */
export function summary({ exchange, requestBody, responseBody }: Recorded): string {
  const request = exchange.requestHead === null ? '-' : `${exchange.requestHead.method} ${exchange.requestHead.target}`;
  const status = exchange.responseHead === null ? '-' : String(exchange.responseHead.status);
  const doubt = exchange.uncertain ? ' uncertain' : '';
  const bodies = `${requestBody.toString('latin1')}|${responseBody.toString('latin1')}`;
  const missing = exchange.request.missingBytes + exchange.response.missingBytes;
  return `${request} ${exchange.request.state} > ${status} ${exchange.response.state} = ${exchange.end}${doubt}${missing > 0 ? ` missing ${missing}` : ''} [${bodies}]`;
}

/** A message of Amazon's binary event stream whose headers are all text. */
export function awsMessage(headers: Readonly<Record<string, string>>, payload: string): Buffer {
  const parts = Object.entries(headers).map(([name, value]) => {
    const head = Buffer.from([name.length, ...Buffer.from(name), 7, 0, 0]);
    head.writeUInt16BE(Buffer.byteLength(value), head.length - 2);
    return Buffer.concat([head, Buffer.from(value)]);
  });
  const head = Buffer.concat(parts);
  const body = Buffer.from(payload);
  const prelude = Buffer.alloc(12);
  prelude.writeUInt32BE(16 + head.length + body.length, 0);
  prelude.writeUInt32BE(head.length, 4);
  prelude.writeUInt32BE(crc32(prelude.subarray(0, 8)), 8);
  const bytes = Buffer.concat([prelude, head, body]);
  const end = Buffer.alloc(4);
  end.writeUInt32BE(crc32(bytes));
  return Buffer.concat([bytes, end]);
}

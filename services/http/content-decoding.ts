/**
 * Content codings (RFC 9110 section 8.4.1) undone as the bytes arrive, so that decoded bytes carry the time of the segment
 * that brought them: gzip (RFC 1952, several members), deflate (RFC 1950, and raw RFC 1951 as some servers send it), br
 * (RFC 7932), zstd (RFC 8878, several frames), and lists of them.
 *
 * A small body may decode to gigabytes. So input goes in by small slices, output by slice is limited, and the total is
 * judged by size and by ratio.
 */
import { BrotliDecompress, constants, Gunzip, Inflate, InflateRaw, ZlibError, ZstdDecompress } from 'minizlib';
import type { BodyConsumer, Headers, Message } from './exchange.ts';
import { ZstdFrames } from './zstd-frames.ts';

export interface DecodingLimits {
  /** Most bytes that one body may decode to. */
  readonly decodedBytesMax: number;
  /** Most decoded bytes for each encoded byte, judged beyond `decodedFloorBytes`. */
  readonly decodedRatioMax: number;
  readonly decodedFloorBytes: number;
}

/** What a decoder keeps, for the memory limit: zlib's window and state and its output buffer. An estimate. */
export const DECODER_BYTES = 64 * 1024;
/** Input of one step; deflate makes at most 1032 times as much of it. */
const STEP_BYTES = 4096;
/** Output of one step; only br and zstd can reach it. */
const STEP_OUTPUT_BYTES_MAX = 8 * 1024 * 1024;
/** Codings one over the other that are undone; nobody sends more. */
const CODINGS_MAX = 3;

type Engine = Gunzip | Inflate | InflateRaw | BrotliDecompress | ZstdDecompress;
type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** The codings of a `content-encoding` value in the order they were applied, or null when one is unknown or there are too many. */
export function parseCodings(value: string): readonly Coding[] | null {
  const codings: Coding[] = [];
  for (const item of value.split(',')) {
    const name = item.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    if (name === 'gzip' || name === 'x-gzip') codings.push('gzip');
    else if (name === 'deflate' || name === 'br' || name === 'zstd') codings.push(name);
    else return null;
  }
  return codings.length > CODINGS_MAX ? null : codings;
}

/**
 * Stands before a body's consumer and gives it the decoded bytes. After damage, a limit or a gap nothing more follows and
 * `message.undecoded` says so: the coding's name, with `limit:` before it when a limit was the reason.
 */
export class ContentDecoder implements BodyConsumer {
  readonly #codings: readonly Coding[];
  readonly #message: Message;
  readonly #consumer: BodyConsumer;
  readonly #limits: DecodingLimits;
  /** Outermost coding first: the order in which they are undone. */
  #engines: (Engine | null)[];
  #encoded = 0;
  #decoded = 0;
  #time = 0;
  #stopped = false;
  /** First byte of a deflate body by its level, until the second tells which kind it is. */
  readonly #firstBytes: number[];
  readonly #frames: readonly (ZstdFrames | null)[];

  constructor(codings: readonly Coding[], message: Message, consumer: BodyConsumer, limits: DecodingLimits) {
    this.#codings = [...codings].reverse();
    this.#message = message;
    this.#consumer = consumer;
    this.#limits = limits;
    this.#engines = this.#codings.map(() => null);
    this.#firstBytes = this.#codings.map(() => -1);
    this.#frames = this.#codings.map((coding) => (coding === 'zstd' ? new ZstdFrames() : null));
  }

  data(bytes: Buffer, time: number): void {
    this.#time = time;
    for (let at = 0; at < bytes.length && !this.#stopped; at += STEP_BYTES) {
      const step = bytes.subarray(at, at + STEP_BYTES);
      this.#encoded += step.length;
      this.#write(0, step);
    }
  }

  gap(missing: number): void {
    this.#stop('');
    this.#consumer.gap(missing);
  }

  /** The body is complete: a coding that isn't at its end by now was damaged. */
  end(): void {
    if (this.#stopped) return;
    for (let n = 0; n < this.#engines.length && !this.#stopped; n++) this.#engines[n]?.end();
    this.dispose();
  }

  /** Frees the memory outside the heap. */
  dispose(): void {
    for (const engine of this.#engines) engine?.close();
    this.#engines = [];
    this.#stopped = true;
  }

  #write(level: number, bytes: Buffer): void {
    if (this.#stopped) return;
    if (level === this.#engines.length) {
      this.#emit(bytes);
      return;
    }
    const engine = this.#engines[level];
    if (engine !== null && engine !== undefined) {
      this.#feed(level, engine, bytes);
      return;
    }
    let first = bytes;
    if (this.#codings[level] === 'deflate') {
      const before = this.#firstBytes[level]!;
      if (before < 0 && bytes.length === 1) {
        this.#firstBytes[level] = bytes[0]!;
        return;
      }
      if (before >= 0) first = Buffer.concat([Buffer.of(before), bytes]);
    }
    const created = this.#create(level, first);
    this.#engines[level] = created;
    this.#feed(level, created, first);
  }

  /** One frame of zstd at a time. */
  #feed(level: number, engine: Engine, bytes: Buffer): void {
    const frames = this.#frames[level];
    if (frames === null || frames === undefined) {
      engine.write(bytes);
      return;
    }
    for (let at = 0; at < bytes.length && !this.#stopped; ) {
      const end = frames.endOf(bytes, at);
      engine.write(bytes.subarray(at, end));
      at = end;
    }
  }

  #create(level: number, first: Buffer): Engine {
    const engine = createEngine(this.#codings[level]!, first);
    engine.on('data', (bytes: Buffer) => this.#write(level + 1, bytes));
    engine.on('error', (error: unknown) => {
      this.#stop(error instanceof ZlibError && error.code === 'ERR_BUFFER_TOO_LARGE' ? 'limit:' : '');
    });
    return engine;
  }

  #emit(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#decoded += bytes.length;
    const { decodedBytesMax, decodedRatioMax, decodedFloorBytes } = this.#limits;
    const inflated = this.#decoded > decodedFloorBytes && this.#decoded > this.#encoded * decodedRatioMax;
    if (inflated || this.#decoded > decodedBytesMax) this.#stop('limit:');
    else this.#consumer.data(bytes, this.#time);
  }

  #stop(prefix: '' | 'limit:'): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#message.undecoded = prefix + [...this.#codings].reverse().join(', ');
  }
}

/**
 * The consumer behind the decoder that the body needs, if it needs one. A coding that can't be undone leaves the consumer without
 * bytes, and the message says so.
 */
export function decodedConsumer(
  headers: Headers,
  message: Message,
  consumer: BodyConsumer | null,
  limits: DecodingLimits,
): BodyConsumer | null {
  const encoding = headers.get('content-encoding');
  if (encoding === undefined) return consumer;
  const codings = parseCodings(encoding);
  if (codings === null) message.undecoded = encoding;
  if (codings === null || consumer === null) return null;
  return codings.length === 0 ? consumer : new ContentDecoder(codings, message, consumer, limits);
}

function createEngine(coding: Coding, first: Buffer): Engine {
  const zlib = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_FINISH };
  switch (coding) {
    case 'gzip':
      return new Gunzip({ ...zlib });
    case 'deflate':
      return isZlibHeader(first) ? new Inflate({ ...zlib }) : new InflateRaw({ ...zlib });
    case 'br':
      return new BrotliDecompress({ ...bounded(), flush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return new ZstdDecompress({ ...bounded() });
  }
}

/** Node's option for the most output of one step, which minizlib passes on though its types don't name it. */
function bounded(): object {
  return { maxOutputLength: STEP_OUTPUT_BYTES_MAX };
}

/** RFC 1950 section 2.2: method 8, and the two bytes are a multiple of 31. */
function isZlibHeader(bytes: Buffer): boolean {
  if (bytes.length < 2) return false;
  return (bytes[0]! & 0x0f) === 8 && ((bytes[0]! << 8) | bytes[1]!) % 31 === 0;
}

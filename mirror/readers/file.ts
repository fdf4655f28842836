/**
 * Opens capture files: plain, gzip (RFC 1952) or zstd (RFC 8878), told by their first bytes, or standard input.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { PassThrough, Readable, type Transform } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { BitternError } from '../../services/common/errors.ts';
import { isCapture, MAGIC_BYTES } from './detect.ts';
import { FileChunks } from './file-chunks.ts';

/** Bytes of a chunk read from a file, and about what a decompressor gives at a time. */
const CHUNK_BYTES = 1024 * 1024;

export interface OpenedCapture {
  /** Decompressed bytes; each chunk is valid until the next one is asked for. Ends early when the file is damaged: see `damage`. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Size of the file (compressed); null for standard input. */
  readonly sizeBytes: number | null;
  /** Bytes of the file (compressed) read so far. */
  readBytes(): number;
  /** Gives the file back before its end. */
  close(): void;
  /** After the last chunk: a sentence when the bytes ended in damage (a cut gzip file, a read error), else null. */
  damage(): string | null;
}

/**
 * @param path a file, or `-` for standard input.
 * @throws BitternError BIT_CAPTURE_MISSING, BIT_CAPTURE_UNREADABLE, BIT_CAPTURE_FORMAT, BIT_CAPTURE_EMPTY.
 */
export async function openCaptureFile(path: string): Promise<OpenedCapture> {
  const name = path === '-' ? 'standard input' : path;
  const sizeBytes = path === '-' ? null : await sizeOf(path);
  // What isn't a file, such as a named pipe, can't be read at one's own pace.
  const file = sizeBytes === null ? null : new FileChunks(path, CHUNK_BYTES);
  const source = file ?? streamOf(path);
  const raw = new CountedChunks(source.all());
  const head = await raw.firstBytes(MAGIC_BYTES).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  const decompressor = decompressorFor(head);
  // A decompressor may still hold a chunk when it asks for the next one.
  if (file !== null) file.reuses = decompressor === null;
  const plain = new CountedChunks(decompressor === null ? raw.all() : decompress(raw.all(), decompressor));
  const first = await plain.firstBytes(MAGIC_BYTES).catch((error: unknown) => {
    throw unreadable(name, error);
  });
  if (first.length === 0)
    throw new BitternError('BIT_CAPTURE_EMPTY', `${name} is empty; give a pcap or pcapng capture.`);
  if (!isCapture(first)) {
    source.close();
    throw new BitternError(
      'BIT_CAPTURE_FORMAT',
      `${name} is not a capture that Bittern can read; give a pcap or pcapng file, plain, gzip or zstd.`,
    );
  }
  let damage: string | null = null;
  const chunks = untilDamage(plain.all(), (error) => {
    damage = `${name} is damaged and ends early (${messageOf(error)}); what came before it counts.`;
  });
  return { chunks, sizeBytes, readBytes: () => raw.bytes, close: () => source.close(), damage: () => damage };
}

function streamOf(path: string) {
  const input: Readable = path === '-' ? process.stdin : createReadStream(path, { highWaterMark: CHUNK_BYTES });
  return { all: () => input, close: () => void input.destroy() };
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    const info = await stat(path);
    if (info.isDirectory()) {
      throw new BitternError('BIT_CAPTURE_UNREADABLE', `${path} is a folder; give a capture file.`);
    }
    return info.isFile() ? info.size : null;
  } catch (error) {
    if (error instanceof BitternError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new BitternError('BIT_CAPTURE_MISSING', `There is no file ${path}; check the path.`, { cause: error });
    }
    throw unreadable(path, error);
  }
}

function unreadable(name: string, error: unknown): BitternError {
  return new BitternError(
    'BIT_CAPTURE_UNREADABLE',
    `${name} can't be read (${messageOf(error)}); check the file and its permissions.`,
    { cause: error },
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Gzip begins 1f 8b, a zstd frame 28 b5 2f fd. */
function decompressorFor(head: Buffer): Transform | null {
  if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) return createGunzip({ chunkSize: CHUNK_BYTES });
  if (head.length >= 4 && head.readUInt32BE(0) === 0x28b52ffd) return createZstdDecompress({ chunkSize: CHUNK_BYTES });
  return null;
}

/** What was decompressed before an error is passed on before the error is. */
function decompress(input: AsyncIterable<Buffer>, decompressor: Transform): Readable {
  const output = new PassThrough({ highWaterMark: CHUNK_BYTES });
  decompressor.on('data', (chunk: Buffer) => {
    if (!output.write(chunk)) decompressor.pause();
  });
  output.on('drain', () => decompressor.resume());
  const source = Readable.from(input, { objectMode: false });
  const fail = (error: Error): void => {
    output.emit('damage', error);
    output.end();
  };
  output.on('close', () => {
    decompressor.destroy();
    source.destroy();
  });
  decompressor.on('end', () => output.end());
  decompressor.on('error', fail);
  source.on('error', fail);
  // Not pipeline(): it reports success before a cut file's error comes.
  source.pipe(decompressor);
  return output;
}

/** Chunks of a stream, of which the first bytes can be looked at. */
class CountedChunks {
  /** Bytes taken from the stream so far. */
  bytes = 0;
  readonly #iterator: AsyncIterator<Buffer>;
  #looked: Buffer = Buffer.alloc(0);
  #damage: Error | null = null;

  constructor(source: AsyncIterable<Buffer> | Readable) {
    if (source instanceof PassThrough) source.once('damage', (error: Error) => (this.#damage = error));
    this.#iterator = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  }

  /** Up to `count` bytes or more: fewer when the stream is shorter. */
  async firstBytes(count: number): Promise<Buffer> {
    while (this.#looked.length < count) {
      const chunk = await this.#next();
      if (chunk === null) break;
      this.#looked = this.#looked.length === 0 ? chunk : Buffer.concat([this.#looked, chunk]);
    }
    if (this.#looked.length === 0 && this.#damage !== null) throw this.#damage;
    return this.#looked;
  }

  async *all(): AsyncGenerator<Buffer> {
    const looked = this.#looked;
    this.#looked = Buffer.alloc(0);
    if (looked.length > 0) yield looked;
    for (let chunk = await this.#next(); chunk !== null; chunk = await this.#next()) yield chunk;
    if (this.#damage !== null) throw this.#damage;
  }

  async #next(): Promise<Buffer | null> {
    const result = await this.#iterator.next();
    if (result.done === true) return null;
    this.bytes += result.value.length;
    return result.value;
  }
}

async function* untilDamage(chunks: AsyncIterable<Buffer>, tell: (error: unknown) => void): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) yield chunk;
  } catch (error) {
    tell(error);
  }
}

/**
 * Frames and probe reports as bytes: Avro single-object encoding, with the writer's schema found by its fingerprint.
 *
 *     C3 01 | fingerprint of the writer's schema, 8 bytes little-endian (CRC-64-AVRO) | Avro body
 *
 * Avro 1.11 specification, "Single-object encoding". A record that an older or newer release wrote is read into this
 * release's shape by Avro's schema resolution: new fields get their defaults, unknown ones are skipped.
 */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import type { Codec } from '../services/bus/bus.ts';
import { BitternError } from '../services/common/errors.ts';
import type { ConnectionId } from '../services/common/types.ts';
import { boundsCheck } from './avro/bounds.ts';
import { canonicalForm, crc64Avro } from './avro/fingerprint.ts';
import type { Frame, ProbeReport } from './frame.ts';

export const CODEC_DEFAULTS = {
  /** Largest encoded record, header included. Below the 1 MB that Kafka brokers take by default, with room for keys and headers. */
  recordBytesMax: 1_000_000,
} as const;

const HEADER_BYTES = 10;

/** Schemas of earlier releases are kept beside the current one and listed here, newest first. */
const FRAME_SCHEMAS = ['frame.v1.avsc'] as const;
const PROBE_REPORT_SCHEMAS = ['probe_report.v1.avsc'] as const;

type Schema = Parameters<typeof avsc.Type.forSchema>[0];

interface Writer {
  readonly type: avsc.Type;
  readonly resolver: ReturnType<avsc.Type['createResolver']> | undefined;
  readonly wellFormed: (bytes: Buffer, start: number) => boolean;
}

/** Maps between the value in memory and what avsc reads and writes. */
export interface WireShape<T> {
  toWire(value: T): object;
  fromWire(wire: unknown): T;
  /** An upper bound, or nearly one, of the encoded size in bytes: a wrong guess costs a second pass. */
  sizeGuess(value: T): number;
}

/**
 * Makes a codec that writes `schemas[0]` and reads all of `schemas`.
 * @throws TypeError when a schema can't be resolved to the first one (a bug: contracts only grow by fields with defaults).
 */
export function singleObjectCodec<T>(
  schemas: readonly Schema[],
  shape: WireShape<T>,
  recordBytesMax: number,
): Codec<T> {
  const current = avsc.Type.forSchema(schemas[0]!);
  const writers = new Map<bigint, Writer>();
  for (const schema of schemas) {
    const type = schema === schemas[0] ? current : avsc.Type.forSchema(schema);
    const resolver = type === current ? undefined : current.createResolver(type);
    writers.set(fingerprintOf(schema), { type, resolver, wellFormed: boundsCheck(type) });
  }
  const header = headerFor(fingerprintOf(schemas[0]!));
  return {
    encode: (value) => encodeRecord(current, header, shape, value, recordBytesMax),
    decode: (bytes) => shape.fromWire(decodeRecord(current, writers, bytes)),
  };
}

/** Fingerprint of a schema as single-object encoding uses it. */
export function fingerprintOf(schema: Schema): bigint {
  const form = canonicalForm(schema as Parameters<typeof canonicalForm>[0]);
  return crc64Avro(Buffer.from(form, 'utf8'));
}

function headerFor(fingerprint: bigint): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = 0xc3;
  header[1] = 0x01;
  header.writeBigUInt64LE(fingerprint, 2);
  return header;
}

function encodeRecord<T>(type: avsc.Type, header: Buffer, shape: WireShape<T>, value: T, bytesMax: number): Buffer {
  const wire = shape.toWire(value);
  let buffer = Buffer.allocUnsafe(HEADER_BYTES + shape.sizeGuess(value));
  let end = type.encode(wire, buffer, HEADER_BYTES);
  if (end < 0) {
    // avsc tells by how many bytes the buffer was too short.
    buffer = Buffer.allocUnsafe(buffer.length - end);
    end = type.encode(wire, buffer, HEADER_BYTES);
  }
  if (end > bytesMax) {
    throw new BitternError(
      'BIT_FRAME_TOO_LARGE',
      `A record of ${end} bytes is over the limit of ${bytesMax}: lower the probe's frame size so that records fit the bus.`,
    );
  }
  header.copy(buffer);
  return buffer.subarray(0, end);
}

function decodeRecord(reader: avsc.Type, writers: ReadonlyMap<bigint, Writer>, bytes: Buffer): unknown {
  if (bytes.length < HEADER_BYTES || bytes[0] !== 0xc3 || bytes[1] !== 0x01) {
    throw unreadable(
      'it does not begin with the C3 01 of an Avro single object; is another program writing to this topic?',
    );
  }
  const fingerprint = bytes.readBigUInt64LE(2);
  const writer = writers.get(fingerprint);
  if (writer === undefined) {
    const hex = fingerprint.toString(16).padStart(16, '0');
    throw unreadable(`its schema ${hex} is unknown; upgrade this stage to the release that the probes run.`);
  }
  if (!writer.wellFormed(bytes, HEADER_BYTES)) throw unreadable('its bytes are damaged or cut.');
  try {
    return reader.decode(bytes, HEADER_BYTES, writer.resolver).value;
  } catch (cause) {
    throw unreadable('its bytes do not fit its schema.', cause);
  }
}

function unreadable(why: string, cause?: unknown): BitternError {
  return new BitternError('BIT_FRAME_UNREADABLE', `A record can't be read: ${why}`, { cause });
}

function loadSchemas(names: readonly string[]): Schema[] {
  return names.map((name) => JSON.parse(readFileSync(new URL(`./avro/${name}`, import.meta.url), 'utf8')) as Schema);
}

/** In Avro the connection id is 16 bytes; all else has the same shape as in memory. */
const FRAME_SHAPE: WireShape<Frame> = {
  toWire: (frame) => ({ ...frame, connection: Buffer.from(frame.connection, 'hex') }),
  fromWire: (wire) => {
    const frame = wire as Omit<Frame, 'connection'> & { readonly connection: Buffer };
    return { ...frame, connection: frame.connection.toString('hex') as ConnectionId };
  },
  sizeGuess: (frame) => frame.payload.length + frame.segments.length * 20 + frame.losses.length * 40 + 1024,
};

const PROBE_REPORT_SHAPE: WireShape<ProbeReport> = {
  toWire: (report) => report,
  fromWire: (wire) => ({ ...(wire as ProbeReport) }),
  sizeGuess: (report) => 512 + report.losses.length * 40 + report.notes.length * 200,
};

/** Codec of the topic `bittern.frames.v1`. */
export const frameCodec: Codec<Frame> = singleObjectCodec(
  loadSchemas(FRAME_SCHEMAS),
  FRAME_SHAPE,
  CODEC_DEFAULTS.recordBytesMax,
);

/** Codec of probe reports. */
export const probeReportCodec: Codec<ProbeReport> = singleObjectCodec(
  loadSchemas(PROBE_REPORT_SCHEMAS),
  PROBE_REPORT_SHAPE,
  CODEC_DEFAULTS.recordBytesMax,
);

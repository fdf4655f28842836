/**
 * What a topic's values look like as Avro: the schema that this release writes, the earlier ones that it still reads, and the
 * mapping to the shape in memory. The bytes before the body, which say what schema wrote it, are the encodings' business.
 *
 * Contracts only grow, by fields with defaults. A body that another release wrote is read into this release's shape by Avro's
 * schema resolution (Avro 1.11 specification, "Schema Resolution"): fields it lacks get their defaults, those unknown here
 * are skipped.
 */
import { readFileSync } from 'node:fs';
import avsc from 'avsc';
import { BitternError } from '../../services/common/errors.ts';
import { boundsCheck } from './bounds.ts';
import { canonicalForm, crc64Avro } from './fingerprint.ts';
import { fitNumbers } from './fit.ts';
import { LOGICAL_TYPES } from './hashes.ts';

export type Schema = Parameters<typeof avsc.Type.forSchema>[0];

/** Reads what one schema wrote. */
export interface BodyReader {
  readonly type: avsc.Type;
  readonly resolver: ReturnType<avsc.Type['createResolver']> | undefined;
  readonly wellFormed: (bytes: Buffer, start: number) => boolean;
}

/** Maps between the value in memory and what avsc reads and writes. */
export interface WireShape<T> {
  /** On the hot path: hand out what is there instead of copying it. */
  toWire(value: T): object;
  /** @throws Error when the fields don't make a value; the record is then unreadable. */
  fromWire(wire: unknown): T;
  /** An upper bound, or nearly one, of the encoded size in bytes: a wrong guess costs a second pass. */
  sizeGuess(value: T): number;
}

export interface ContractOptions<T> {
  /** In the codes of its errors: `BIT_FRAME_UNREADABLE`. */
  readonly name: 'FRAME' | 'OBSERVATION' | 'PROBE_REPORT';
  /** Newest first: the first is written, all are read. */
  readonly schemas: readonly Schema[];
  readonly shape: WireShape<T>;
  /** Largest encoded record, bytes. */
  readonly recordBytesMax: number;
}

export class AvroContract<T> {
  readonly schema: Schema;
  readonly fingerprint: bigint;
  readonly #options: ContractOptions<T>;
  readonly #type: avsc.Type;
  readonly #readers = new Map<bigint, BodyReader>();

  /** @throws TypeError when an earlier schema can't be resolved to the first one: a bug. */
  constructor(options: ContractOptions<T>) {
    this.#options = options;
    this.schema = options.schemas[0]!;
    this.fingerprint = fingerprintOf(this.schema);
    this.#type = typeOf(this.schema);
    this.#readers.set(this.fingerprint, {
      type: this.#type,
      resolver: undefined,
      wellFormed: boundsCheck(this.#type),
    });
    for (const schema of options.schemas) this.readerOf(schema);
  }

  /** The reader of a schema that this release knows. */
  knownReader(fingerprint: bigint): BodyReader | undefined {
    return this.#readers.get(fingerprint);
  }

  /** The reader of any schema of this contract's history, or future. @throws TypeError when it can't be resolved to this release's. */
  readerOf(schema: Schema): BodyReader {
    const fingerprint = fingerprintOf(schema);
    let reader = this.#readers.get(fingerprint);
    if (reader === undefined) {
      const type = typeOf(schema);
      reader = { type, resolver: this.#type.createResolver(type), wellFormed: boundsCheck(type) };
      if (this.#options.schemas.includes(schema)) this.#readers.set(fingerprint, reader);
    }
    return reader;
  }

  /** @param header goes before the body. @throws BitternError BIT_…_TOO_LARGE, or BIT_…_UNWRITABLE when the value isn't of its type (a bug). */
  encode(value: T, header: Buffer): Buffer {
    const wire = this.#options.shape.toWire(value);
    const size = header.length + this.#options.shape.sizeGuess(value);
    let bytes: Buffer;
    try {
      bytes = encodeBody(this.#type, wire, header.length, size);
    } catch {
      bytes = this.#encodeFitted(wire, header.length, size);
    }
    const { name, recordBytesMax } = this.#options;
    if (bytes.length > recordBytesMax) {
      throw new BitternError(
        `BIT_${name}_TOO_LARGE`,
        `A record of ${bytes.length} bytes is over the limit of ${recordBytesMax}: lower the probe's frame size so that records fit the bus.`,
      );
    }
    header.copy(bytes);
    return bytes;
  }

  /** @param start where the body begins; it goes to the end. @throws BitternError BIT_…_UNREADABLE. */
  decode(bytes: Buffer, start: number, reader: BodyReader): T {
    if (!reader.wellFormed(bytes, start)) throw this.unreadable('its bytes are damaged or cut.');
    try {
      return this.#options.shape.fromWire(this.#type.decode(bytes, start, reader.resolver).value);
    } catch (cause) {
      throw this.unreadable('its bytes do not fit its schema.', cause);
    }
  }

  unreadable(why: string, cause?: unknown): BitternError {
    return new BitternError(`BIT_${this.#options.name}_UNREADABLE`, `A record can't be read: ${why}`, { cause });
  }

  /** Traffic claims numbers that no schema has room for; they must not keep the record from being stored. */
  #encodeFitted(wire: object, start: number, size: number): Buffer {
    try {
      return encodeBody(this.#type, fitNumbers(this.#type, wire), start, size);
    } catch (cause) {
      throw new BitternError(
        `BIT_${this.#options.name}_UNWRITABLE`,
        'A value is not of the type that its schema says. This is a bug of Bittern: please report it.',
        { cause },
      );
    }
  }
}

function typeOf(schema: Schema): avsc.Type {
  return avsc.Type.forSchema(schema, { logicalTypes: LOGICAL_TYPES });
}

function encodeBody(type: avsc.Type, wire: unknown, start: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size);
  const end = type.encode(wire, buffer, start);
  if (end >= 0) return buffer.subarray(0, end);
  // avsc tells by how many bytes the buffer was too short.
  const longer = Buffer.allocUnsafe(size - end);
  return longer.subarray(0, type.encode(wire, longer, start));
}

/** CRC-64-AVRO of a schema's canonical form: its name in single-object encoding. */
export function fingerprintOf(schema: Schema): bigint {
  const form = canonicalForm(schema as Parameters<typeof canonicalForm>[0]);
  return crc64Avro(Buffer.from(form, 'utf8'));
}

/** A fingerprint as it is shown: 16 hex digits. */
export function fingerprintText(fingerprint: bigint): string {
  return fingerprint.toString(16).padStart(16, '0');
}

/** @param names files beside this one. */
export function loadSchemas(names: readonly string[]): Schema[] {
  return names.map((name) => JSON.parse(readFileSync(new URL(`./${name}`, import.meta.url), 'utf8')) as Schema);
}

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
import { room, take } from './slab.ts';

const NOTHING = Buffer.alloc(0);

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

/** A body that is coded by hand: what avsc does by the newest schema, byte for byte. */
export interface DirectBody<T> {
  /** Nothing that `write` writes is larger, bytes. */
  sizeMax(value: T): number;
  /** @returns where it ended. @throws Error for what is left to avsc. */
  write(value: T, bytes: Buffer, start: number): number;
  /** @returns null for what is left to avsc. @throws Error likewise. */
  read(bytes: Buffer, start: number): T | null;
}

export interface ContractOptions<T> {
  /** In the codes of its errors: `BIT_FRAME_UNREADABLE`. */
  readonly name: 'FRAME' | 'OBSERVATION' | 'PROBE_REPORT';
  /** Newest first: the first is written, all are read. */
  readonly schemas: readonly Schema[];
  readonly shape: WireShape<T>;
  readonly direct?: DirectBody<T>;
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

  /**
   * @param header goes before the body; @param lead before both, not counted as the record's.
   * @returns memory that may be a piece of a larger one.
   * @throws BitternError BIT_…_TOO_LARGE, or BIT_…_UNWRITABLE when the value isn't of its type (a bug).
   */
  encode(value: T, header: Buffer, lead: Buffer = NOTHING): Buffer {
    const start = lead.length + header.length;
    const bytes = this.#encodeDirect(value, start) ?? this.#encodeByType(value, start);
    const { name, recordBytesMax } = this.#options;
    const size = bytes.length - lead.length;
    if (size > recordBytesMax) {
      throw new BitternError(
        `BIT_${name}_TOO_LARGE`,
        `A record of ${size} bytes is over the limit of ${recordBytesMax}: lower the probe's frame size so that records fit the bus.`,
      );
    }
    lead.copy(bytes);
    header.copy(bytes, lead.length);
    return bytes;
  }

  /** @param start where the body begins; it goes to the end. @throws BitternError BIT_…_UNREADABLE. */
  decode(bytes: Buffer, start: number, reader: BodyReader): T {
    const direct = reader.type === this.#type ? this.#decodeDirect(bytes, start) : null;
    if (direct !== null) return direct;
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

  #encodeDirect(value: T, start: number): Buffer | null {
    const { direct } = this.#options;
    if (direct === undefined) return null;
    try {
      const bytes = room(start + direct.sizeMax(value));
      return take(bytes, direct.write(value, bytes, start));
    } catch {
      return null;
    }
  }

  #decodeDirect(bytes: Buffer, start: number): T | null {
    try {
      return this.#options.direct?.read(bytes, start) ?? null;
    } catch {
      return null;
    }
  }

  #encodeByType(value: T, start: number): Buffer {
    const { shape } = this.#options;
    const wire = shape.toWire(value);
    const size = start + shape.sizeGuess(value);
    try {
      return encodeBody(this.#type, wire, start, size);
    } catch {
      return this.#encodeFitted(wire, start, size);
    }
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

/**
 * Confluent's wire format: the writer's schema is found by its id in a schema registry.
 *
 *     offset  bytes  field
 *          0      1  0
 *          1      4  id of the writer's schema, big-endian
 *          5      n  Avro body
 *
 * Confluent Platform documentation, "Wire format". A single object begins with C3 01, so the two can be told apart, and a
 * topic may hold both: the encoding can be switched while everything runs.
 *
 * A schema that this release doesn't know is fetched once and kept: with a registry, an old release reads what a newer one wrote.
 */
import { type AvroContract, type BodyReader, fingerprintText, type Schema } from '../../schemas/avro/contract.ts';
import { AVRO_CONTENT_TYPE, decodeSingleObject, isSingleObject } from '../../schemas/avro/single-object.ts';
import { type Codec, NotYetReadable } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';

const MAGIC = 0;
const HEADER_BYTES = 5;

export const WRITER_SCHEMA_DEFAULTS = {
  /** Schemas kept of one topic. A topic has a few; ids that damaged records made up are forgotten again. */
  kept: 256,
  /** For how long the registry isn't asked again for an id that it doesn't know. */
  unknownMs: 60_000,
} as const;

/** Where the text of a schema comes from; `null`: there is none. Doesn't reject: it waits until it can tell. */
export interface SchemaSource {
  schema(id: number): Promise<string | null>;
}

/** Reads both formats; writes Confluent's, with the id under which the contract's schema is registered. */
export function confluentCodec<T>(contract: AvroContract<T>, id: number, source: SchemaSource): Codec<T> {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = MAGIC;
  header.writeInt32BE(id, 1);
  return {
    headers: {
      'content-type': AVRO_CONTENT_TYPE,
      schema: fingerprintText(contract.fingerprint),
      'schema-id': String(id),
    },
    encode: (value) => contract.encode(value, header),
    encodeAfter: (lead, value) => contract.encode(value, header, lead),
    decode: eitherDecoder(contract, source),
  };
}

/** Adds reading of Confluent's format to a codec that writes single objects. */
export function readsConfluent<T>(codec: Codec<T>, contract: AvroContract<T>, source: SchemaSource): Codec<T> {
  return { ...codec, decode: eitherDecoder(contract, source) };
}

function eitherDecoder<T>(contract: AvroContract<T>, source: SchemaSource): (bytes: Buffer) => T {
  const schemas = new WriterSchemas(contract, source);
  return (bytes) => {
    if (isSingleObject(bytes)) return decodeSingleObject(contract, bytes);
    if (bytes.length < HEADER_BYTES || bytes[0] !== MAGIC) {
      throw contract.unreadable(
        'it begins neither like an Avro single object nor like the Confluent wire format; is another program writing to this topic?',
      );
    }
    return contract.decode(bytes, HEADER_BYTES, schemas.reader(bytes.readInt32BE(1)));
  };
}

type Known = { readonly reader: BodyReader } | { readonly error: BitternError; readonly untilMs: number };

/** The readers of a topic's schemas by their ids. */
class WriterSchemas<T> {
  readonly #contract: AvroContract<T>;
  readonly #source: SchemaSource;
  readonly #known = new Map<number, Known>();
  readonly #loading = new Map<number, Promise<void>>();

  constructor(contract: AvroContract<T>, source: SchemaSource) {
    this.#contract = contract;
    this.#source = source;
  }

  /** @throws NotYetReadable, or BitternError BIT_SCHEMA_UNKNOWN, BIT_SCHEMA_INCOMPATIBLE. */
  reader(id: number): BodyReader {
    const known = this.#known.get(id);
    if (known !== undefined && 'reader' in known) return known.reader;
    if (known !== undefined && performance.now() < known.untilMs) throw known.error;
    let loading = this.#loading.get(id);
    if (loading === undefined) {
      loading = this.#load(id).finally(() => this.#loading.delete(id));
      this.#loading.set(id, loading);
    }
    throw new NotYetReadable(loading);
  }

  async #load(id: number): Promise<void> {
    // Ids are positive: anything else isn't worth a question, to which registries may answer as they like.
    const text = id > 0 ? await this.#source.schema(id) : null;
    this.#known.delete(id);
    this.#known.set(id, this.#read(id, text));
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= WRITER_SCHEMA_DEFAULTS.kept) break;
      this.#known.delete(oldest);
    }
  }

  #read(id: number, text: string | null): Known {
    if (text === null) {
      return {
        error: new BitternError(
          'BIT_SCHEMA_UNKNOWN',
          `A record can't be read: the schema registry has no schema ${id}. Check that all stages use the same registry, then replay the dead letters.`,
        ),
        untilMs: performance.now() + WRITER_SCHEMA_DEFAULTS.unknownMs,
      };
    }
    try {
      return { reader: this.#contract.readerOf(JSON.parse(text) as Schema) };
    } catch (cause) {
      const error = new BitternError(
        'BIT_SCHEMA_INCOMPATIBLE',
        `A record can't be read: its schema ${id} can't be resolved to this release's. Is another program writing to this topic?`,
        { cause },
      );
      return { error, untilMs: Number.POSITIVE_INFINITY };
    }
  }
}

/**
 * Record headers. Every record tells what its value is, so that a reader needs no knowledge of the topic:
 *
 *     content-type      application/avro | application/json | application/vnd.bittern.sealed | application/octet-stream
 *     bittern.schema    fingerprint of the writer's Avro schema, 16 hex digits (Avro values only)
 *     bittern.key-id    the key that opens a sealed value (sealed values only)
 *     …                 what the publisher gave, such as traceparent
 */
import type { IHeaders } from 'kafkajs';
import type { RecordHeaders } from '../bus/bus.ts';
import { isSealed, sealedKeyId } from './sealing.ts';

export type WireHeaders = Map<Buffer, Buffer>;

const CONTENT_TYPE = Buffer.from('content-type');
const SCHEMA = Buffer.from('bittern.schema');
const KEY_ID = Buffer.from('bittern.key-id');
const JSON_TYPE: WireHeaders = new Map([[CONTENT_TYPE, Buffer.from('application/json')]]);
const BYTES_TYPE: WireHeaders = new Map([[CONTENT_TYPE, Buffer.from('application/octet-stream')]]);
const AVRO_HEADER_BYTES = 10;
/** One map a schema or key: a producer writes with very few. Above this the maps are made again. */
const CACHED_MAX = 64;

/** Describes values by their first bytes; maps are shared between records, so they must not be changed. */
export class ValueHeaders {
  readonly #avro = new Map<bigint, WireHeaders>();
  readonly #sealed = new Map<string, WireHeaders>();

  describe(value: Buffer, extra: RecordHeaders | undefined): WireHeaders {
    const headers = this.#describe(value);
    if (extra === undefined) return headers;
    const all = new Map(headers);
    for (const [name, text] of Object.entries(extra)) all.set(Buffer.from(name), Buffer.from(text));
    return all;
  }

  #describe(value: Buffer): WireHeaders {
    if (value.length >= AVRO_HEADER_BYTES && value[0] === 0xc3 && value[1] === 0x01) {
      return this.#avroHeaders(value.readBigUInt64LE(2));
    }
    if (isSealed(value)) return this.#sealedHeaders(sealedKeyId(value));
    return value[0] === 0x7b ? JSON_TYPE : BYTES_TYPE;
  }

  #avroHeaders(fingerprint: bigint): WireHeaders {
    let headers = this.#avro.get(fingerprint);
    if (headers === undefined) {
      headers = new Map([
        [CONTENT_TYPE, Buffer.from('application/avro')],
        [SCHEMA, Buffer.from(fingerprint.toString(16).padStart(16, '0'))],
      ]);
      if (this.#avro.size >= CACHED_MAX) this.#avro.clear();
      this.#avro.set(fingerprint, headers);
    }
    return headers;
  }

  #sealedHeaders(keyId: string): WireHeaders {
    let headers = this.#sealed.get(keyId);
    if (headers === undefined) {
      headers = new Map([
        [CONTENT_TYPE, Buffer.from('application/vnd.bittern.sealed')],
        [KEY_ID, Buffer.from(keyId)],
      ]);
      if (this.#sealed.size >= CACHED_MAX) this.#sealed.clear();
      this.#sealed.set(keyId, headers);
    }
    return headers;
  }
}

/** Headers as kafkajs delivers them, as text. Of a repeated name the first value counts. */
export function readHeaders(wire: IHeaders | undefined): RecordHeaders | undefined {
  if (wire === undefined) return undefined;
  const headers: Record<string, string> = {};
  let found = false;
  for (const name in wire) {
    const value = wire[name];
    const first = Array.isArray(value) ? value[0] : value;
    if (first === undefined) continue;
    headers[name] = typeof first === 'string' ? first : first.toString('utf8');
    found = true;
  }
  return found ? headers : undefined;
}

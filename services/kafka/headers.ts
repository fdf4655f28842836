/**
 * Record headers. Every record tells what its value is, so that a reader needs no knowledge of the topic:
 *
 *     content-type      avro/binary | application/vnd.bittern.masked | application/vnd.bittern.sealed | application/octet-stream
 *     schema            fingerprint (CRC-64-AVRO) of the schema that wrote the value, also of a sealed one: 16 hex digits
 *     schema-id         its id in the schema registry, decimal (Confluent wire format only)
 *     bittern.key-id    the key that opens a sealed value (sealed values only)
 *     traceparent       of the call (W3C Trace Context), where it has one
 *     …                 what else the publisher gave
 *
 * The first four are the codec's (`Codec.headers`), and the same for all of its values. Dead letters keep them all.
 */
import type { IHeaders } from 'kafkajs';
import type { RecordHeaders } from '../bus/bus.ts';

export type WireHeaders = Map<Buffer, Buffer>;

const UNTOLD: RecordHeaders = { 'content-type': 'application/octet-stream' };

/** The headers of one codec's values. The map is shared between records, so it must not be changed. */
export class ValueHeaders {
  readonly #shared: WireHeaders;

  constructor(described: RecordHeaders = UNTOLD) {
    this.#shared = add(new Map(), described);
  }

  with(extra: RecordHeaders | undefined): WireHeaders {
    return extra === undefined ? this.#shared : add(new Map(this.#shared), extra);
  }
}

function add(wire: WireHeaders, headers: RecordHeaders): WireHeaders {
  for (const [name, text] of Object.entries(headers)) wire.set(Buffer.from(name), Buffer.from(text));
  return wire;
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

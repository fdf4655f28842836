/**
 * Avro single-object encoding: the writer's schema is found by its fingerprint.
 *
 *     C3 01 | fingerprint of the writer's schema, 8 bytes little-endian (CRC-64-AVRO) | Avro body
 *
 * Avro 1.11 specification, "Single-object encoding".
 */
import type { Codec } from '../../services/bus/bus.ts';
import { BitternError } from '../../services/common/errors.ts';
import { type AvroContract, fingerprintText } from './contract.ts';

export const SINGLE_OBJECT_HEADER_BYTES = 10;
/** The media type of all Avro values, whatever stands before the body. */
export const AVRO_CONTENT_TYPE = 'avro/binary';

export function singleObjectCodec<T>(contract: AvroContract<T>): Codec<T> {
  const header = headerFor(contract.fingerprint);
  return {
    headers: { 'content-type': AVRO_CONTENT_TYPE, schema: fingerprintText(contract.fingerprint) },
    encode: (value) => contract.encode(value, header),
    encodeAfter: (lead, value) => contract.encode(value, header, lead),
    decode: (bytes) => {
      if (!isSingleObject(bytes)) {
        throw contract.unreadable(
          'it does not begin with the C3 01 of an Avro single object; is another program writing to this topic, or with kafka.encoding confluent?',
        );
      }
      return decodeSingleObject(contract, bytes);
    },
  };
}

export function isSingleObject(bytes: Buffer): boolean {
  return bytes.length >= SINGLE_OBJECT_HEADER_BYTES && bytes[0] === 0xc3 && bytes[1] === 0x01;
}

/** @param bytes what `isSingleObject`. @throws BitternError BIT_SCHEMA_UNKNOWN, BIT_…_UNREADABLE. */
export function decodeSingleObject<T>(contract: AvroContract<T>, bytes: Buffer): T {
  const fingerprint = bytes.readBigUInt64LE(2);
  const reader = contract.knownReader(fingerprint);
  if (reader === undefined) {
    throw new BitternError(
      'BIT_SCHEMA_UNKNOWN',
      `A record can't be read: its schema ${fingerprintText(fingerprint)} is unknown. Upgrade this stage to the release that wrote it, then replay the dead letters.`,
    );
  }
  return contract.decode(bytes, SINGLE_OBJECT_HEADER_BYTES, reader);
}

function headerFor(fingerprint: bigint): Buffer {
  const header = Buffer.alloc(SINGLE_OBJECT_HEADER_BYTES);
  header[0] = 0xc3;
  header[1] = 0x01;
  header.writeBigUInt64LE(fingerprint, 2);
  return header;
}

/**
 * Lists of content hashes as one `bytes` value: a long conversation's request names hundreds, and as strings they would be most
 * of the record and of its cost.
 *
 *     { "type": "bytes", "logicalType": "bittern-content-hashes" }     hash 1, 16 bytes | hash 2, 16 bytes | …
 *
 * In memory each is 32 hex digits. A reader that doesn't know the logical type gets the bytes (Avro 1.11, "Logical Types").
 */
import avsc from 'avsc';

const HASH_BYTES = 16;
const HEX_DIGITS = HASH_BYTES * 2;

export class ContentHashesType extends avsc.types.LogicalType {
  protected override _toValue(hashes: unknown): Buffer {
    if (!Array.isArray(hashes)) throw new TypeError('content hashes must be a list');
    const bytes = Buffer.from(hashes.join(''), 'hex');
    // Decoding ends at the first character that is no hex digit.
    if (bytes.length !== hashes.length * HASH_BYTES) throw new TypeError('a content hash must be 32 hex digits');
    return bytes;
  }

  protected override _fromValue(bytes: Buffer): string[] {
    if (bytes.length % HASH_BYTES !== 0) throw new TypeError('content hashes must have 16 bytes each');
    const hex = bytes.toString('hex');
    const hashes: string[] = [];
    for (let at = 0; at < hex.length; at += HEX_DIGITS) hashes.push(hex.slice(at, at + HEX_DIGITS));
    return hashes;
  }

  /** What another release wrote: the same list, or its bytes. */
  protected override _resolve(writer: avsc.Type): ((value: unknown) => string[]) | undefined {
    if (writer instanceof ContentHashesType) return (hashes) => hashes as string[];
    if (writer instanceof avsc.types.BytesType) return (bytes) => this._fromValue(bytes as Buffer);
    return undefined;
  }
}

export const LOGICAL_TYPES = { 'bittern-content-hashes': ContentHashesType };

/**
 * Integers of HPACK (RFC 7541 section 5.1): the low bits of a byte, and when all of them are set, groups of 7 bits, low first.
 *
 *     | prefix |  all N bits 1  |      value < 2^N - 1: no byte follows
 *     | 1 | value mod 128       |      top bit: another byte follows
 */

/** Larger numbers have no use in a header block; and five groups stay within 53 bits. */
const VALUE_MAX = 0x0fff_ffff;
const GROUPS_MAX = 5;

/** A place in a buffer. `at` is -1 once something couldn't be read. */
export interface Cursor {
  at: number;
}

/** The number whose first byte is at `cursor.at`, with `bits` of it; moves the cursor behind it. -1 when it is cut off or too large. */
export function readInteger(buffer: Buffer, cursor: Cursor, end: number, bits: number): number {
  if (cursor.at >= end) return -1;
  const mask = (1 << bits) - 1;
  const first = buffer[cursor.at++]! & mask;
  if (first < mask) return first;
  let value = mask;
  let factor = 1;
  for (let group = 0; group < GROUPS_MAX; group++) {
    if (cursor.at >= end) return -1;
    const byte = buffer[cursor.at++]!;
    value += (byte & 127) * factor;
    if (value > VALUE_MAX) return -1;
    if (byte < 128) return value;
    factor *= 128;
  }
  return -1;
}

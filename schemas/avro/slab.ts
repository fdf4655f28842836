/**
 * Memory for encoded records, handed out in pieces of a larger one: a buffer of its own for each record would be most of what the garbage
 * collector has to look after. Pieces keep their whole slab alive, so they are for what goes soon and together.
 */

const SLAB_BYTES = 256 * 1024;
/** What is larger gets memory of its own. */
const PIECE_BYTES_MAX = SLAB_BYTES / 4;

let slab = Buffer.alloc(0);
let used = 0;

/** Memory of which `bytes` may be written to. Nothing else may be asked for before `take`. */
export function room(bytes: number): Buffer {
  if (bytes > PIECE_BYTES_MAX) return Buffer.allocUnsafeSlow(bytes);
  if (bytes > slab.length - used) {
    slab = Buffer.allocUnsafeSlow(SLAB_BYTES);
    used = 0;
  }
  return slab.subarray(used, used + bytes);
}

/** The first `bytes` of what `room` gave are kept; the rest is for the next. */
export function take(given: Buffer, bytes: number): Buffer {
  if (given.buffer === slab.buffer) used += bytes;
  return given.subarray(0, bytes);
}

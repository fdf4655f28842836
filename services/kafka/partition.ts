/**
 * Which partition a key belongs to: murmur2 over the key's bytes, masked to 31 bits, modulo the partitions. It is what the Java
 * client's default partitioner does (`Utils.murmur2`, `Utils.toPositive`), so that any other producer agrees; the two clients
 * used here don't agree with each other by themselves.
 */
const SEED = 0x9747b28c;
const M = 0x5bd1e995;

export function partitionOf(key: Buffer, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

/** 32-bit MurmurHash2 with Kafka's seed, as a signed integer. */
export function murmur2(data: Buffer): number {
  const length = data.length;
  let h = SEED ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let k = Math.imul(data.readInt32LE(at), M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = length - at;
  if (rest === 3) h ^= data[at + 2]! << 16;
  if (rest >= 2) h ^= data[at + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[at]!, M);
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}

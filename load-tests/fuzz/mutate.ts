/** Mutations of bytes: what breaks parsers is at the borders of lengths, counts and types. */
import type { Random } from '../generator/random.ts';

const INTERESTING = [
  0, 1, 2, 4, 6, 7, 8, 16, 17, 32, 41, 43, 44, 47, 51, 60, 64, 69, 96, 127, 128, 129, 254, 255,
] as const;
const INTERESTING_16 = [0, 1, 7, 8, 20, 40, 255, 256, 0x0800, 0x1fff, 0x2000, 0x7fff, 0x8000, 0xffff] as const;
const INTERESTING_32 = [0, 1, 0xff, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fff0, 0xffff_ffff] as const;
/** Mutations put on one input at once. */
const STACK_MAX = 6;
/** Longest part that is inserted or repeated. */
const PART_BYTES_MAX = 64;

type Mutation = (bytes: Buffer, random: Random, other: Buffer, tokens: readonly Buffer[]) => Buffer;

const at = (bytes: Buffer, random: Random, width = 1): number => random.int(0, Math.max(0, bytes.length - width));

function insert(bytes: Buffer, position: number, part: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, position), part, bytes.subarray(position)]);
}

function part(bytes: Buffer, random: Random): Buffer {
  const from = at(bytes, random);
  return bytes.subarray(from, from + random.int(1, PART_BYTES_MAX));
}

/** In place: the bytes are a copy already. */
const MUTATIONS: readonly Mutation[] = [
  (bytes, random) => {
    const position = at(bytes, random);
    if (position < bytes.length) bytes[position]! ^= 1 << random.int(0, 7);
    return bytes;
  },
  (bytes, random) => {
    const position = at(bytes, random);
    if (position < bytes.length) bytes[position] = random.pick(INTERESTING);
    return bytes;
  },
  (bytes, random) => {
    const position = at(bytes, random);
    if (position < bytes.length) bytes[position]! += random.int(-9, 9);
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length < 2) return bytes;
    const values = [...INTERESTING_16, bytes.length & 0xffff, random.int(0, 0xffff)];
    bytes.writeUInt16BE(random.pick(values), at(bytes, random, 2));
    return bytes;
  },
  (bytes, random) => {
    if (bytes.length < 4) return bytes;
    const value = random.pick([...INTERESTING_32, bytes.length, random.int(0, 0xffff_ffff)]);
    const position = at(bytes, random, 4);
    if (random.chance(0.5)) bytes.writeUInt32BE(value, position);
    else bytes.writeUInt32LE(value, position);
    return bytes;
  },
  (bytes, random) => bytes.subarray(0, at(bytes, random)),
  (bytes, random) => {
    const from = at(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + random.int(1, PART_BYTES_MAX))]);
  },
  (bytes, random) => insert(bytes, at(bytes, random), part(bytes, random)),
  (bytes, random, other) => insert(bytes, at(bytes, random), part(other, random)),
  (bytes, random, other) => Buffer.concat([bytes.subarray(0, at(bytes, random)), other.subarray(at(other, random))]),
  (bytes, random, _other, tokens) =>
    tokens.length === 0 ? bytes : insert(bytes, at(bytes, random), random.pick(tokens)),
  (bytes, random, _other, tokens) => {
    if (tokens.length === 0) return bytes;
    const token = random.pick(tokens);
    bytes.set(token.subarray(0, bytes.length), at(bytes, random, Math.min(token.length, bytes.length)));
    return bytes;
  },
];

/** A changed copy of at most `bytesMax` bytes. */
export function mutate(
  input: Buffer,
  other: Buffer,
  random: Random,
  tokens: readonly Buffer[],
  bytesMax: number,
): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let left = random.int(1, STACK_MAX); left > 0; left--) {
    bytes = random.pick(MUTATIONS)(bytes, random, other, tokens);
  }
  return bytes.length > bytesMax ? bytes.subarray(0, bytesMax) : bytes;
}

import { hash } from 'node:crypto';
import type { ContentHash } from './types.ts';

const HEX_DIGITS = 32;

/** The first 128 bits of the SHA-256 of `bytes`, in hex. */
export function contentHash(bytes: Buffer | string): ContentHash {
  return hash('sha256', bytes, 'hex').slice(0, HEX_DIGITS) as ContentHash;
}

/**
 * Hashes of texts under a key. The hash of a short text can be guessed by hashing guesses; so what is stored of one is its image under
 * AES-256, a permutation of 128 bits that nobody can follow without the key: equal hashes stay equal, different ones different, and all
 * hashes of a call take one step (docs/decisions/0020-capture-modes-and-redaction.md).
 */
import { type Cipheriv, createCipheriv } from 'node:crypto';
import { derivedKey } from './placeholder.ts';

const HASH = /^[0-9a-f]{32}$/;
const DIGITS = 32;

export class HashKey {
  readonly #cipher: Cipheriv;

  constructor(key: Buffer) {
    // One block a hash, and no two equal blocks that aren't meant to look equal: what ECB is right for, and nothing else.
    this.#cipher = createCipheriv('aes-256-ecb', derivedKey(key, 'text hashes'), null).setAutoPadding(false);
  }

  /** Hashes of 32 hex digits; anything else (no hash, a client's own id) comes back as it is. */
  all(hashes: readonly string[]): string[] {
    const told = hashes.filter((hash) => HASH.test(hash));
    if (told.length === 0) return [...hashes];
    const images = this.#cipher.update(Buffer.from(told.join(''), 'hex')).toString('hex');
    let next = 0;
    return hashes.map((hash) => (HASH.test(hash) ? images.slice(next, (next += DIGITS)) : hash));
  }

  one(hash: string): string {
    return this.all([hash])[0]!;
  }
}

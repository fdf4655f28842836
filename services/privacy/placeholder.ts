/** What stands in the place of a secret: equal for equal secrets, and of no use to anybody without the key. */
import { createHmac, hkdfSync } from 'node:crypto';

const DIGITS = 8;

/** A key of its own for each purpose, from the one that the operator has (RFC 5869). */
export function derivedKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `bittern ${purpose}`, 32));
}

export type PlaceholderMaker = (rule: string, secret: string) => string;

/** `[redacted:github_token:1f3a9c0e]`: the rule, and 32 bits of the HMAC-SHA256 of the secret. */
export function placeholderMaker(key: Buffer): PlaceholderMaker {
  const own = derivedKey(key, 'redaction');
  return (rule, secret) => {
    const digest = createHmac('sha256', own).update(secret, 'utf8').digest('hex');
    return `[redacted:${rule}:${digest.slice(0, DIGITS)}]`;
  };
}

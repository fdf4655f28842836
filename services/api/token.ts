/** The bearer token of the API: compared in constant time, sent in the Authorization field (RFC 6750 section 2.1). */
import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (bytes: string | Buffer): Buffer => createHash('sha256').update(bytes).digest();

export class TokenCheck {
  readonly #expected: Buffer;

  constructor(token: Buffer) {
    this.#expected = digest(token);
  }

  /** `authorization`: the field's value, if there is one. */
  allows(authorization: string | undefined): boolean {
    const match = /^Bearer +([^\s]+) *$/i.exec(authorization ?? '');
    return timingSafeEqual(digest(match?.[1] ?? ''), this.#expected);
  }
}

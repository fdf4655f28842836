/**
 * gRPC in a body: messages are counted, never read.
 *
 *     | compressed (8) | length (32) |    a message of `length` bytes follows; repeated to the body's end
 *
 * From gRPC's own "gRPC over HTTP2", section Length-Prefixed-Message.
 */
const PREFIX_BYTES = 5;

export class GrpcCounter {
  /** Messages that have come whole. */
  messages = 0;
  #prefix = 0;
  #length = 0;
  #remaining = 0;
  #lost = false;

  data(bytes: Buffer): void {
    for (let at = 0; at < bytes.length && !this.#lost; ) {
      if (this.#prefix < PREFIX_BYTES) {
        const byte = bytes[at++]!;
        // The flag is no part of the length; it may only be 0 or 1.
        if (this.#prefix++ > 0) this.#length = this.#length * 256 + byte;
        else if (byte > 1) this.#lost = true;
        this.#remaining = this.#length;
      } else {
        const skipped = Math.min(this.#remaining, bytes.length - at);
        this.#remaining -= skipped;
        at += skipped;
      }
      if (this.#prefix === PREFIX_BYTES && this.#remaining === 0) this.#next();
    }
  }

  /** Bytes are missing: where the next message begins nobody knows. */
  gap(): void {
    this.#lost = true;
  }

  #next(): void {
    this.messages++;
    this.#prefix = 0;
    this.#length = 0;
  }
}

export function isGrpc(contentType: string | undefined): boolean {
  return contentType?.startsWith('application/grpc') ?? false;
}

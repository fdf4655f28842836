/**
 * Connections that ended a short while ago, so that frames of them that come again aren't taken for a connection that is joined in
 * its middle. A producer sends a batch again of which it doesn't know whether the broker has it; what is behind the end of the
 * first time then stands behind it in the partition. One that begins anew, when a capture is published again, is read again.
 */
import type { ConnectionId } from '../common/types.ts';

/** More than a batch of records can name. */
const CONNECTIONS_MAX = 16_384;

interface FrameName {
  readonly connection: ConnectionId;
  readonly sequence: number;
}

export class EndedConnections {
  /** The number of each one's last frame, oldest first. */
  readonly #last = new Map<ConnectionId, number>();

  add({ connection, sequence }: FrameName): void {
    this.#last.delete(connection);
    this.#last.set(connection, sequence);
    if (this.#last.size <= CONNECTIONS_MAX) return;
    for (const oldest of this.#last.keys()) {
      this.#last.delete(oldest);
      return;
    }
  }

  /** The frame was read before its connection ended. */
  has({ connection, sequence }: FrameName): boolean {
    if (this.#last.size === 0) return false;
    const last = this.#last.get(connection);
    if (last === undefined) return false;
    if (sequence > 0 && sequence <= last) return true;
    this.#last.delete(connection);
    return false;
  }
}

/** What couldn't be read of the server's bytes since its last final response's head. */

/** Bytes of the server between two places where it was in sync. */
export interface UnreadStretch {
  /** Stream offset of its end: of the head that brought sync back. */
  readonly end: number;
  readonly bytes: number;
  /** It began between messages, so that what is missing are messages. */
  readonly betweenMessages: boolean;
}

/** Joins the stretches that have only interim responses between them. */
export class UnreadTracker {
  #open = false;
  #from = 0;
  #end = 0;
  #bytes = 0;
  #seen = false;
  #betweenMessages = false;

  /** Sync is lost at this stream offset. */
  begin(offset: number, betweenMessages: boolean): void {
    if (this.#open) return;
    this.#open = true;
    this.#from = offset;
    if (!this.#seen) this.#betweenMessages = betweenMessages;
    this.#seen = true;
  }

  /** A head was read at this stream offset. */
  headAt(offset: number): void {
    if (!this.#open) return;
    this.#open = false;
    this.#end = offset;
    this.#bytes += offset - this.#from;
  }

  /** For a final response's head: what was unread before it, null if nothing was. Starts anew. */
  take(): UnreadStretch | null {
    if (!this.#seen) return null;
    const stretch = { end: this.#end, bytes: this.#bytes, betweenMessages: this.#betweenMessages };
    this.#seen = false;
    this.#bytes = 0;
    return stretch;
  }
}

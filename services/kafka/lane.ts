/**
 * One partition's records on their way to the broker: gathered by bytes and time, one batch in flight, the others behind it.
 *
 *   append ──► open batch ──(full, or lingerMs old, and none in flight)──► send ──► acknowledged
 *
 * A request carries one batch of one partition. The producer client sends a request that failed again as a whole, to the broker
 * that leads the first of its partitions then; when leaders have changed, the others would be refused for ever. And with one in
 * flight nothing overtakes a batch that has to be sent again, whatever the client does to it.
 */
import type { MessageToProduce } from '@platformatic/kafka';

/** Records of a batch, whatever they weigh. */
const BATCH_RECORDS_MAX = 10_000;

export interface LaneLimits {
  readonly batchBytesMax: number;
  readonly lingerMs: number;
}

interface RecordBatch {
  readonly messages: MessageToProduce[];
  bytes: number;
  /** It may go: full, or old enough. */
  due: boolean;
  /** Told when it is acknowledged, or when nothing is sent any more. */
  readonly settled: (() => void)[];
}

export class Lane {
  readonly #limits: LaneLimits;
  /** Sends a batch until it is acknowledged. Rejects when waiting can't help. */
  readonly #send: (messages: MessageToProduce[], bytes: number) => Promise<void>;
  /** In flight first; the last one is open. */
  readonly #batches: RecordBatch[] = [];
  #sending = false;
  #linger: NodeJS.Timeout | null = null;

  constructor(limits: LaneLimits, send: (messages: MessageToProduce[], bytes: number) => Promise<void>) {
    this.#limits = limits;
    this.#send = send;
  }

  append(message: MessageToProduce, bytes: number): void {
    this.#openFor(bytes).messages.push(message);
    const open = this.#batches.at(-1)!;
    open.bytes += bytes;
    if (open.bytes >= this.#limits.batchBytesMax) this.#hurry();
    else this.#linger ??= setTimeout(() => this.#hurry(), this.#limits.lingerMs);
  }

  /** Resolves when everything appended so far is acknowledged, or nothing is sent any more. */
  flush(): Promise<void> {
    const last = this.#batches.at(-1);
    if (last === undefined) return Promise.resolve();
    const settled = new Promise<void>((resolve) => last.settled.push(resolve));
    this.#hurry();
    return settled;
  }

  /** Nothing is sent any more. */
  end(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    for (const { settled } of this.#batches.splice(0)) for (const tell of settled) tell();
  }

  /** What was appended so far goes as soon as what is in flight is acknowledged. */
  #hurry(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    this.#linger = null;
    const open = this.#batches.at(-1);
    if (open === undefined) return;
    open.due = true;
    this.#pump();
  }

  /** The batch that has room for so many bytes; what is in flight takes none. */
  #openFor(bytes: number): RecordBatch {
    const open = this.#batches.at(-1);
    const taken = open === undefined || (this.#sending && this.#batches.length === 1);
    const full =
      open !== undefined &&
      (open.bytes + bytes > this.#limits.batchBytesMax || open.messages.length === BATCH_RECORDS_MAX);
    if (open !== undefined && !taken && !full) return open;
    if (full && !taken) this.#hurry();
    const fresh = { messages: [], bytes: 0, due: false, settled: [] };
    this.#batches.push(fresh);
    return fresh;
  }

  #pump(): void {
    const [next] = this.#batches;
    if (this.#sending || next === undefined || !next.due) return;
    this.#sending = true;
    this.#send(next.messages, next.bytes).then(
      () => {
        this.#sending = false;
        for (const tell of this.#batches.shift()?.settled ?? []) tell();
        this.#pump();
      },
      () => this.end(),
    );
  }
}

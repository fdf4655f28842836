/**
 * Dead letters: what a stage can't use goes to `<topic>.dlq`, key, value and headers untouched, with where it came from and why
 * in further headers. At least once: a stage that dies between writing and committing writes the letter again.
 */
import type { IHeaders, KafkaMessage } from 'kafkajs';
import type { Poison } from '../bus/bus.ts';
import type { WireHeaders } from './headers.ts';
import type { TopicWriter } from './topic-writer.ts';

export const DEAD_LETTER_SUFFIX = '.dlq';

export const DEAD_LETTER_HEADERS = {
  /** Stable code, `BIT_…`. */
  reason: 'bittern.dlq.reason',
  /** The consumer group that could not use it. */
  stage: 'bittern.dlq.stage',
  topic: 'bittern.dlq.topic',
  partition: 'bittern.dlq.partition',
  offset: 'bittern.dlq.offset',
  /** A sentence. */
  error: 'bittern.dlq.error',
  /** How often it was replayed before it came back. Travels with a replayed record. */
  replays: 'bittern.dlq.replays',
} as const;

export interface DeadLetterOrigin {
  readonly stage: string;
  readonly topic: string;
  readonly partition: number;
}

export class DeadLetterWriter {
  readonly #open: (topic: string) => Promise<TopicWriter>;
  readonly #written = new Map<string, number>();

  /** @param open gives the writer of a topic; the same one every time. */
  constructor(open: (topic: string) => Promise<TopicWriter>) {
    this.#open = open;
  }

  /** Letters written by this process, by the reason's code. */
  get written(): ReadonlyMap<string, number> {
    return this.#written;
  }

  /** Resolves when the letter is durable. */
  async write(message: KafkaMessage, poison: Poison, origin: DeadLetterOrigin): Promise<void> {
    const writer = await this.#open(origin.topic + DEAD_LETTER_SUFFIX);
    const headers = wireHeaders(message.headers);
    const told: readonly (readonly [string, string])[] = [
      [DEAD_LETTER_HEADERS.reason, poison.code],
      [DEAD_LETTER_HEADERS.stage, origin.stage],
      [DEAD_LETTER_HEADERS.topic, origin.topic],
      [DEAD_LETTER_HEADERS.partition, String(origin.partition)],
      [DEAD_LETTER_HEADERS.offset, message.offset],
      [DEAD_LETTER_HEADERS.error, poison.message],
    ];
    for (const [name, text] of told) headers.set(Buffer.from(name), Buffer.from(text));
    const { key, value } = message;
    const partition = key === null ? { partition: 0 } : {};
    await writer.append({ key, value, headers, timestampMs: Number(message.timestamp), ...partition });
    await writer.flush();
    this.#written.set(poison.code, (this.#written.get(poison.code) ?? 0) + 1);
  }
}

/** The original headers, without an earlier letter's. */
function wireHeaders(headers: IHeaders | undefined): WireHeaders {
  const wire: WireHeaders = new Map();
  const own = new Set<string>(Object.values(DEAD_LETTER_HEADERS));
  own.delete(DEAD_LETTER_HEADERS.replays);
  for (const [name, values] of Object.entries(headers ?? {})) {
    if (own.has(name)) continue;
    for (const value of Array.isArray(values) ? values : [values]) {
      if (value != null) wire.set(Buffer.from(name), Buffer.from(value));
    }
  }
  return wire;
}

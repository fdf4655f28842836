/** Dead letters for people: listed, shown, and sent back to the topic that they came from when the cause is cured. */
import { BitternError } from '../common/errors.ts';
import type { KafkaClients } from './clients.ts';
import { DEAD_LETTER_HEADERS, DEAD_LETTER_SUFFIX } from './dead-letter-writer.ts';
import { kafkaError } from './errors.ts';
import type { WireHeaders } from './headers.ts';
import { readTopic, type StoredRecord } from './topic-reader.ts';
import type { TopicWriter } from './topic-writer.ts';
import { requireTopic } from './topics.ts';

export interface DeadLetter {
  /** Where the letter lies in the dead-letter topic: its name for `show` and `replay`. */
  readonly partition: number;
  readonly offset: number;
  readonly reason: string;
  readonly error: string;
  readonly stage: string;
  readonly origin: { readonly topic: string; readonly partition: number; readonly offset: number };
  /** When the original record was published, milliseconds since the epoch. */
  readonly timestampMs: number;
  readonly replays: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The original headers. */
  readonly headers: readonly (readonly [Buffer, Buffer])[];
}

export interface DeadLetterSelection {
  /** Only letters with this reason; `null`: any. */
  readonly reason: string | null;
  /** Only letters from this offset of the dead-letter topic on; `null`: from the first. */
  readonly from: number | null;
  /** No more than this many. */
  readonly limit: number;
}

export const DEAD_LETTER_SELECTION_DEFAULTS: DeadLetterSelection = { reason: null, from: null, limit: 100 };

const OWN = new Set<string>(Object.values(DEAD_LETTER_HEADERS));

export class DeadLetters {
  readonly #clients: KafkaClients;
  readonly #open: (topic: string) => Promise<TopicWriter>;

  constructor(clients: KafkaClients, open: (topic: string) => Promise<TopicWriter>) {
    this.#clients = clients;
    this.#open = open;
  }

  /** @param topic the topic whose dead letters are wanted, without the suffix. Oldest first in each partition. */
  list(topic: string, selection: DeadLetterSelection = DEAD_LETTER_SELECTION_DEFAULTS): Promise<readonly DeadLetter[]> {
    return this.#select(topic, null, selection);
  }

  /** @throws BitternError BIT_DLQ_UNKNOWN when there is none at that place. */
  async show(topic: string, partition: number, offset: number): Promise<DeadLetter> {
    const [letter] = await this.#select(topic, partition, { reason: null, from: offset, limit: 1 });
    if (letter?.offset === offset) return letter;
    throw new BitternError(
      'BIT_DLQ_UNKNOWN',
      `There is no dead letter ${partition}:${offset} of '${topic}': list them to see those there are.`,
    );
  }

  /**
   * Publishes letters to their original topic again: the same key, value bytes and headers, at its end. The letters stay where
   * they are until the topic's retention takes them, so a second replay sends them again.
   * @returns how many were sent; all of them are durable.
   */
  async replay(letters: readonly DeadLetter[]): Promise<number> {
    const writers = new Set<TopicWriter>();
    for (const letter of letters) {
      const writer = await this.#open(letter.origin.topic);
      writers.add(writer);
      const headers: WireHeaders = new Map(letter.headers);
      headers.set(Buffer.from(DEAD_LETTER_HEADERS.replays), Buffer.from(String(letter.replays + 1)));
      const partition = letter.key === null ? { partition: letter.origin.partition } : {};
      await writer.append({ key: letter.key, value: letter.value, headers, ...partition });
    }
    for (const writer of writers) await writer.flush();
    return letters.length;
  }

  async #select(
    topic: string,
    partition: number | null,
    selection: DeadLetterSelection,
  ): Promise<readonly DeadLetter[]> {
    const letters: DeadLetter[] = [];
    const name = topic + DEAD_LETTER_SUFFIX;
    await this.#clients.withAdmin(`Reading '${name}'`, (admin) => requireTopic(admin, name));
    try {
      for await (const record of readTopic(this.#clients.readerOptions(), {
        topic: name,
        partition,
        from: selection.from,
      })) {
        const letter = readLetter(record);
        if (selection.reason !== null && letter.reason !== selection.reason) continue;
        letters.push(letter);
        if (letters.length >= selection.limit) break;
      }
    } catch (cause) {
      throw kafkaError(`Reading '${name}'`, cause);
    }
    return letters;
  }
}

function readLetter(record: StoredRecord): DeadLetter {
  const told = new Map<string, string>();
  const headers: (readonly [Buffer, Buffer])[] = [];
  for (const header of record.headers) {
    const name = header[0].toString('utf8');
    if (OWN.has(name)) told.set(name, header[1].toString('utf8'));
    else headers.push(header);
  }
  const { partition, offset, timestampMs, key, value } = record;
  return {
    ...{ partition, offset, timestampMs, key, value, headers },
    reason: told.get(DEAD_LETTER_HEADERS.reason) ?? '',
    error: told.get(DEAD_LETTER_HEADERS.error) ?? '',
    stage: told.get(DEAD_LETTER_HEADERS.stage) ?? '',
    replays: Number(told.get(DEAD_LETTER_HEADERS.replays) ?? 0),
    origin: {
      topic: told.get(DEAD_LETTER_HEADERS.topic) ?? '',
      partition: Number(told.get(DEAD_LETTER_HEADERS.partition) ?? -1),
      offset: Number(told.get(DEAD_LETTER_HEADERS.offset) ?? -1),
    },
  };
}

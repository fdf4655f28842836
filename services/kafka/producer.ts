/** The bus's producer over Kafka: encodes values, describes them in record headers, and hands them to the topic's writer. */
import type { Producer, RecordHeaders, Topic } from '../bus/bus.ts';
import { ValueHeaders } from './headers.ts';
import { isKeyedCodec } from './sealing.ts';
import type { TopicWriter } from './topic-writer.ts';

export class KafkaProducer<T> implements Producer<T> {
  readonly #encode: (value: T, key: string) => Buffer;
  readonly #headers: ValueHeaders;
  readonly #opening: Promise<TopicWriter>;
  #writer: TopicWriter | null = null;

  /** @param opening the writer; records are accepted before it is open. */
  constructor(topic: Topic<T>, opening: Promise<TopicWriter>) {
    const { codec, name } = topic;
    this.#encode = isKeyedCodec(codec)
      ? (value, key) => codec.encodeFor(value, name, key)
      : (value) => codec.encode(value);
    this.#headers = new ValueHeaders(codec.headers);
    this.#opening = opening.then((writer) => {
      this.#writer = writer;
      return writer;
    });
    // Whoever publishes learns of a failure; until then it isn't an unhandled rejection.
    this.#opening.catch(() => {});
  }

  publish(key: string, value: T, headers?: RecordHeaders): Promise<void> {
    const writer = this.#writer;
    if (writer !== null) return this.#append(writer, key, value, headers);
    return this.#opening.then((opened) => this.#append(opened, key, value, headers));
  }

  async flush(): Promise<void> {
    await (await this.#opening).flush();
  }

  #append(writer: TopicWriter, key: string, value: T, headers: RecordHeaders | undefined): Promise<void> {
    let bytes: Buffer;
    try {
      bytes = this.#encode(value, key);
    } catch (error) {
      return Promise.reject(error);
    }
    // When it was published, not when it is sent: in an outage of the brokers that may be much later.
    const timestampMs = Date.now();
    return writer.append({ key: Buffer.from(key), value: bytes, headers: this.#headers.with(headers), timestampMs });
  }
}

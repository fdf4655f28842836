/**
 * The two Kafka clients, set up alike: kafkajs consumes and administers, @platformatic/kafka produces. Why two:
 * docs/decisions/0005-two-kafka-clients.md. Nothing outside this folder knows either of them.
 */
import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { type BaseOptions, Producer as PlatformaticProducer } from '@platformatic/kafka';
import kafkajs, { type Admin, type Kafka } from 'kafkajs';
import { kafkaError } from './errors.ts';
import { patchKafkajs } from './kafkajs-patch.ts';
import type { KafkaOptions } from './options.ts';
import { type KafkaCredentials, kafkajsSecurity, platformaticSecurity } from './security.ts';

/** The producer client, told to leave bytes alone. */
export type RawProducer = PlatformaticProducer<Buffer, Buffer, Buffer, Buffer>;

/** kafkajs gives up on a broker after these and restarts the consumer, for ever. */
const RETRY = { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8 };
/** Between attempts of the producer client, which tries for ever: nothing that was accepted is dropped. */
const PRODUCER_RETRY_DELAY_MS = 500;
const CONNECT_ATTEMPT_TIMEOUT_MS = 3_000;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
let zstdRegistered = false;

/** kafkajs has gzip built in and takes other codecs from its host. */
function registerZstd(): void {
  if (zstdRegistered) return;
  zstdRegistered = true;
  kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { readonly buffer: Buffer }) => compress(encoder.buffer),
    decompress: (bytes: Buffer) => decompress(bytes),
  });
}

export class KafkaClients {
  readonly kafkajs: Kafka;
  readonly #options: KafkaOptions;
  readonly #credentials: KafkaCredentials;

  constructor(options: KafkaOptions, credentials: KafkaCredentials) {
    registerZstd();
    patchKafkajs();
    this.#options = options;
    this.#credentials = credentials;
    this.kafkajs = new kafkajs.Kafka({
      clientId: options.clientId,
      brokers: [...options.brokers],
      ...kafkajsSecurity(credentials),
      connectionTimeout: CONNECT_ATTEMPT_TIMEOUT_MS,
      authenticationTimeout: CONNECT_ATTEMPT_TIMEOUT_MS,
      // What goes wrong is reported as errors and events; the client's own log has no sentences for operators.
      logLevel: kafkajs.logLevel.NOTHING,
      retry: RETRY,
    });
  }

  /** @throws BitternError when no broker lets us in within `connectTimeoutMs`. */
  async verify(): Promise<void> {
    await this.withAdmin(`Connecting to ${this.#options.brokers.join(', ')}`, () => Promise.resolve());
  }

  /** Runs one piece of administration on a connection of its own. @param what for the error's sentence. */
  async withAdmin<R>(what: string, action: (admin: Admin) => Promise<R>): Promise<R> {
    const retries = Math.max(0, Math.floor(Math.log2(this.#options.connectTimeoutMs / RETRY.initialRetryTime)) - 1);
    const admin = this.kafkajs.admin({ retry: { ...RETRY, retries } });
    try {
      await admin.connect();
      return await action(admin);
    } catch (cause) {
      throw kafkaError(what, cause);
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }

  /** Idempotent, acknowledged by all replicas, and waiting through outages instead of failing. */
  producer(): RawProducer {
    return new PlatformaticProducer({
      ...this.readerOptions(),
      idempotent: true,
      compression: this.#options.producer.compression,
      retryDelay: PRODUCER_RETRY_DELAY_MS,
    });
  }

  /** For reading a topic without a group. */
  readerOptions(): BaseOptions {
    return {
      clientId: this.#options.clientId,
      bootstrapBrokers: [...this.#options.brokers],
      ...platformaticSecurity(this.#credentials),
      connectTimeout: CONNECT_ATTEMPT_TIMEOUT_MS,
      autocreateTopics: false,
    };
  }
}

/**
 * The two Kafka clients, set up alike: kafkajs consumes and administers, @platformatic/kafka produces. Why two:
 * docs/decisions/0005-two-kafka-clients.md. Nothing outside this folder knows either of them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type BaseOptions, Producer as PlatformaticProducer } from '@platformatic/kafka';
import kafkajs, { type Admin, type Kafka, type RetryOptions } from 'kafkajs';
import { BitternError } from '../common/errors.ts';
import { kafkaError, marksOf } from './errors.ts';
import { patchKafkajs } from './kafkajs-patch.ts';
import type { KafkaOptions } from './options.ts';
import { type KafkaCredentials, kafkajsSecurity, platformaticSecurity } from './security.ts';
import { Sockets } from './sockets.ts';
import { registerZstd } from './zstd.ts';

/** The producer client, told to leave bytes alone. */
export type RawProducer = PlatformaticProducer<Buffer, Buffer, Buffer, Buffer>;

/** kafkajs gives up on a broker after these and restarts the consumer, for ever. */
export const KAFKAJS_RETRY = { initialRetryTime: 200, maxRetryTime: 5_000, retries: 8 };
/** Between attempts of the producer client, which tries for ever: nothing that was accepted is dropped. */
const PRODUCER_RETRY_DELAY_MS = 500;
const CONNECT_ATTEMPT_TIMEOUT_MS = 3_000;
const CONNECT_RETRY_MS = 300;
/** Over what a cluster takes to notice that one of its brokers is gone (`broker.session.timeout.ms`, 9 s), and to elect others. */
const ADMIN_RETRY_MS_MAX = 15_000;
const ADMIN_RETRY_MS = 300;
const TRANSIENT = [
  'NOT_LEADER_FOR_PARTITION',
  'LEADER_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'GROUP_LOAD_IN_PROGRESS',
];

export class KafkaClients {
  readonly kafkajs: Kafka;
  readonly #options: KafkaOptions;
  readonly #credentials: KafkaCredentials;
  readonly #sockets = new Sockets();

  constructor(options: KafkaOptions, credentials: KafkaCredentials) {
    registerZstd();
    patchKafkajs();
    this.#options = options;
    this.#credentials = credentials;
    this.kafkajs = this.#client(KAFKAJS_RETRY);
  }

  /**
   * Makes sure that a broker lets us in; tries again for `connectTimeoutMs` while none answers.
   * @throws BitternError BIT_KAFKA_UNREACHABLE, or BIT_KAFKA_AUTH or BIT_KAFKA_TLS at once.
   */
  async verify(signal?: AbortSignal): Promise<void> {
    const what = `Connecting to ${this.#options.brokers.join(', ')}`;
    const client = this.#client({ retries: 0 });
    const deadline = Date.now() + this.#options.connectTimeoutMs;
    for (;;) {
      try {
        return await useAdmin(client, what, () => Promise.resolve(), 0);
      } catch (error) {
        const waiting = error instanceof BitternError && error.code === 'BIT_KAFKA_UNREACHABLE';
        if (!waiting || Date.now() > deadline || signal?.aborted) throw error;
      }
      await sleep(CONNECT_RETRY_MS);
    }
  }

  /** Runs one piece of administration on a connection of its own. @param what for the error's sentence. */
  withAdmin<R>(what: string, action: (admin: Admin) => Promise<R>): Promise<R> {
    return useAdmin(this.kafkajs, what, action, ADMIN_RETRY_MS_MAX);
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

  /** Nothing of kafkajs is connected any more; after everything else is closed. */
  close(): void {
    this.#sockets.close();
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

  #client(retry: RetryOptions): Kafka {
    return new kafkajs.Kafka({
      clientId: this.#options.clientId,
      brokers: [...this.#options.brokers],
      ...kafkajsSecurity(this.#credentials),
      connectionTimeout: CONNECT_ATTEMPT_TIMEOUT_MS,
      authenticationTimeout: CONNECT_ATTEMPT_TIMEOUT_MS,
      // What goes wrong is reported as errors and events; the client's own log has no sentences for operators.
      logLevel: kafkajs.logLevel.NOTHING,
      retry,
      socketFactory: this.#sockets.factory,
    });
  }
}

async function useAdmin<R>(
  client: Kafka,
  what: string,
  action: (admin: Admin) => Promise<R>,
  retryMsMax: number,
): Promise<R> {
  const admin = client.admin();
  const deadlineMs = performance.now() + retryMsMax;
  try {
    await admin.connect();
    for (;;) {
      try {
        return await action(admin);
      } catch (error) {
        if (performance.now() > deadlineMs || !isTransient(error)) throw error;
      }
      await sleep(ADMIN_RETRY_MS);
    }
  } catch (cause) {
    throw kafkaError(what, cause);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}

/**
 * A topic's leaders are not known everywhere at once, least of all when it was made just now; a coordinator that took over reads its
 * groups first; and of several brokers one may be gone.
 */
function isTransient(error: unknown): boolean {
  const marks = marksOf(error);
  return TRANSIENT.some((mark) => marks.has(mark)) || kafkaError('', error).code === 'BIT_KAFKA_UNREACHABLE';
}

/** What the Kafka bus is told: brokers, security, limits. Each default stands here and nowhere else. */
import type { KafkaSecurityOptions } from './security.ts';

/** How a producer compresses record batches. Chosen by measurement: docs/decisions/0005-two-kafka-clients.md. */
export type KafkaCompression = 'none' | 'zstd' | 'gzip';

export interface KafkaProducerOptions {
  readonly compression: KafkaCompression;
  /** Largest encoded record, key and headers not counted. The topic's own limit counts as well when it is lower. */
  readonly recordBytesMax: number;
  /** Records of one partition are gathered up to this many bytes into one batch. Below the brokers' default of 1 MiB. */
  readonly batchBytesMax: number;
  /** …and those of one topic into one request. */
  readonly sendBytesMax: number;
  /** …and for no longer than this. */
  readonly lingerMs: number;
  /** Requests of one topic that wait for their acknowledgement. Order is kept: the broker numbers them. */
  readonly sendsInFlightMax: number;
  /** Bytes of one topic that are gathered or in flight; above it `publish` waits. */
  readonly bufferBytesMax: number;
}

export interface KafkaConsumerOptions {
  /** A member that isn't heard of for this long is taken for dead. */
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  /** How long the group waits in a rebalance for a member to give up its partitions. Must exceed `drainMs`. */
  readonly rebalanceTimeoutMs: number;
  /** How long running batches and `revoked` may take before the partitions are given up without them. */
  readonly drainMs: number;
  /** One answer of a broker, and one partition's share of it, in bytes as they are on the wire (compressed). */
  readonly fetchBytesMax: number;
  readonly fetchPartitionBytesMax: number;
  /** How long a broker holds an empty answer. */
  readonly fetchWaitMs: number;
  /** Bytes fetched and not yet handled, of all partitions and of one; above it the partition is paused. One fetch may come on top. */
  readonly queueBytesMax: number;
  readonly queuePartitionBytesMax: number;
  /** Records and bytes handed to a handler at once; a larger single record comes alone. */
  readonly batchRecordsMax: number;
  readonly batchBytesMax: number;
}

export interface KafkaOptions {
  /** `host:port` of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  /** How this process is named in the brokers' logs and quotas. */
  readonly clientId: string;
  readonly security: KafkaSecurityOptions;
  /** How long `open` tries to reach a broker. */
  readonly connectTimeoutMs: number;
  /** How long `close` may take in all, whatever the brokers do. Running work and its commits have `drainMs * REVOKE_SHARE` of it. */
  readonly closeTimeoutMs: number;
  readonly producer: KafkaProducerOptions;
  readonly consumer: KafkaConsumerOptions;
}

export const KAFKA_DEFAULTS: Omit<KafkaOptions, 'brokers'> = {
  clientId: 'bittern',
  security: { tls: null, sasl: null },
  connectTimeoutMs: 10_000,
  closeTimeoutMs: 7_000,
  producer: {
    compression: 'zstd',
    recordBytesMax: 1_000_000,
    batchBytesMax: 900_000,
    sendBytesMax: 3_000_000,
    lingerMs: 20,
    sendsInFlightMax: 4,
    bufferBytesMax: 16 * 1024 * 1024,
  },
  consumer: {
    sessionTimeoutMs: 30_000,
    heartbeatIntervalMs: 3_000,
    rebalanceTimeoutMs: 60_000,
    drainMs: 10_000,
    fetchBytesMax: 8 * 1024 * 1024,
    fetchPartitionBytesMax: 1024 * 1024,
    fetchWaitMs: 250,
    queueBytesMax: 32 * 1024 * 1024,
    queuePartitionBytesMax: 8 * 1024 * 1024,
    batchRecordsMax: 256,
    batchBytesMax: 1024 * 1024,
  },
};

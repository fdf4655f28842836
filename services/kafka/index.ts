/** The bus over Kafka. */
export { CHECKPOINT_TOPIC, COMMIT_METADATA_BYTES_MAX, checkpointPlan } from './checkpoints.ts';
export { confluentCodec, readsConfluent } from './confluent.ts';
export type { KafkaConsumerStats, PartitionProgress } from './consumer.ts';
export { DEAD_LETTER_HEADERS, DEAD_LETTER_SUFFIX } from './dead-letter-writer.ts';
export {
  DEAD_LETTER_SELECTION_DEFAULTS,
  type DeadLetter,
  type DeadLetterSelection,
  type DeadLetters,
} from './dead-letters.ts';
export { KafkaBus } from './kafka-bus.ts';
export { Keyring, type KeySource } from './keyring.ts';
export {
  KAFKA_DEFAULTS,
  type KafkaCompression,
  type KafkaConsumerOptions,
  type KafkaOptions,
  type KafkaProducerOptions,
} from './options.ts';
export { SCHEMA_REGISTRY_DEFAULTS, SchemaRegistry, type SchemaRegistryOptions } from './schema-registry.ts';
export { isSealed, type KeyedCodec, sealedCodec } from './sealing.ts';
export type {
  KafkaSaslOptions,
  KafkaSecurityOptions,
  KafkaTlsOptions,
  SaslMechanism,
  SecretSource,
} from './security.ts';
export { DEAD_LETTER_TOPIC_DEFAULTS, TOPIC_DEFAULTS, type TopicPlan, withDeadLetters } from './topic-plan.ts';
export type { KafkaProducerStats } from './topic-writer.ts';
export type { KafkaTopics, PartitionLag } from './topics.ts';

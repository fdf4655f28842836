/** Kafka as the configuration wants it: options of the bus, topics, sealing. */
import type { KeyObject } from 'node:crypto';
import type { AvroContract } from '../../schemas/avro/contract.ts';
import type { ObservationRecord } from '../../schemas/call.ts';
import { CODEC_DEFAULTS, FRAME_CONTRACT, OBSERVATION_CONTRACT, PROBE_REPORT_CONTRACT } from '../../schemas/codec.ts';
import type { Frame, ProbeReport } from '../../schemas/frame.ts';
import { EVENTS, FRAMES, OBSERVATIONS, PROBE_REPORTS } from '../../schemas/topics.ts';
import type { Topic } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import {
  checkpointPlan,
  confluentCodec,
  KAFKA_DEFAULTS,
  KafkaBus,
  type KafkaOptions,
  Keyring,
  readsConfluent,
  SchemaRegistry,
  sealedCodec,
  TOPIC_DEFAULTS,
  type TopicPlan,
  withDeadLetters,
} from '../kafka/index.ts';
import { maskedCodec } from '../masking/masked-codec.ts';

function securityOf({ kafka }: Config): KafkaOptions['security'] {
  const file = (name: string): string | null => (name === '' ? null : name);
  const { saslMechanism, saslUsername, saslPasswordFile, saslPasswordVariable } = kafka;
  return {
    tls: kafka.tls
      ? { caFile: file(kafka.tlsCaFile), certFile: file(kafka.tlsCertFile), keyFile: file(kafka.tlsKeyFile) }
      : null,
    sasl:
      saslMechanism === ''
        ? null
        : {
            mechanism: saslMechanism,
            username: saslUsername,
            password: saslPasswordFile === '' ? { env: saslPasswordVariable } : { file: saslPasswordFile },
          },
  };
}

function optionsOf(config: Config): KafkaOptions {
  const { brokers, clientId, compression, sessionTimeoutMs, drainMs, queueBytesMax } = config.kafka;
  if (brokers.length === 0) {
    throw new BitternError(
      'BIT_KAFKA_UNCONFIGURED',
      'No brokers are configured: set kafka.brokers (or BITTERN_KAFKA_BROKERS=host:port).',
    );
  }
  const defaults = KAFKA_DEFAULTS;
  return {
    ...defaults,
    brokers,
    clientId,
    security: securityOf(config),
    producer: { ...defaults.producer, compression, recordBytesMax: CODEC_DEFAULTS.observationBytesMax },
    consumer: { ...defaults.consumer, sessionTimeoutMs, drainMs, queueBytesMax },
  };
}

/** `signal`: gives up waiting for a broker. @throws BitternError BIT_KAFKA_UNCONFIGURED, and what the bus throws when no broker lets us in */
export function openKafkaBus(config: Config, signal?: AbortSignal): Promise<KafkaBus> {
  return KafkaBus.open(optionsOf(config), process.env, signal);
}

type TopicName = 'frames' | 'observations' | 'reports';

export interface KafkaTopicSet {
  readonly frames: Topic<Frame>;
  readonly observations: Topic<ObservationRecord>;
  readonly reports: Topic<ProbeReport>;
}

export interface KafkaTopicOptions {
  /** The topics that this process writes: their schemas are registered, where a registry is used. */
  readonly writes: readonly TopicName[];
  /** The key that credentials in frames are hidden with; `null`: this process neither writes nor reads frames. */
  readonly maskingKey: KeyObject | null;
  readonly note: (line: string) => void;
}

/**
 * The topics with the configured encoding, credentials in frames hidden, and frames and observations sealed when a key is
 * configured.
 *
 * @throws BitternError BIT_KAFKA_UNCONFIGURED, BIT_KAFKA_SECURITY, BIT_SEAL_KEY, BIT_REGISTRY_…
 */
export async function kafkaTopics(config: Config, options: KafkaTopicOptions): Promise<KafkaTopicSet> {
  const { writes, maskingKey, note } = options;
  const registry = registryOf(config, note);
  const encoded = async <T>(name: TopicName, topic: Topic<T>, contract: AvroContract<T>): Promise<Topic<T>> => {
    if (registry === null) return topic;
    if (config.kafka.encoding === 'single_object' || !writes.includes(name)) {
      return { ...topic, codec: readsConfluent(topic.codec, contract, registry) };
    }
    const id = await registry.register(topic.name, contract.schema, KAFKA_DEFAULTS.connectTimeoutMs);
    return { ...topic, codec: confluentCodec(contract, id, registry) };
  };
  const frames = await encoded('frames', FRAMES, FRAME_CONTRACT);
  const topics = {
    frames: maskingKey === null ? frames : { ...frames, codec: maskedCodec(frames.codec, maskingKey) },
    observations: await encoded('observations', OBSERVATIONS, OBSERVATION_CONTRACT),
    reports: await encoded('reports', PROBE_REPORTS, PROBE_REPORT_CONTRACT),
  };
  const { sealKeys, sealActive } = config.kafka;
  if (sealActive === '') return topics;
  const keyring = Keyring.fromFiles(
    Object.entries(sealKeys).map(([id, file]) => ({ id, file })),
    sealActive,
  );
  const sealed = <T>(topic: Topic<T>): Topic<T> => ({ ...topic, codec: sealedCodec(topic.codec, keyring) });
  return { ...topics, frames: sealed(topics.frames), observations: sealed(topics.observations) };
}

function registryOf({ kafka }: Config, note: (line: string) => void): SchemaRegistry | null {
  const { schemaRegistryUrl: url, schemaRegistryUsername: username, schemaRegistryCaFile: caFile } = kafka;
  if (url === '') {
    if (kafka.encoding === 'single_object') return null;
    throw new BitternError(
      'BIT_KAFKA_UNCONFIGURED',
      'kafka.encoding is confluent, which needs a schema registry: set kafka.schemaRegistryUrl.',
    );
  }
  const { schemaRegistryPasswordFile: file, schemaRegistryPasswordVariable: variable } = kafka;
  const password = file === '' ? { env: variable } : { file };
  const options = { url, username, password, caFile: caFile === '' ? null : caFile };
  return new SchemaRegistry(options, process.env, note);
}

/** Topics with their dead letters, as `bittern topics` makes and checks them. */
export function topicPlans(config: Config): readonly TopicPlan[] {
  const { partitions, replicas, retentionMs } = config.kafka;
  const plan = { ...TOPIC_DEFAULTS, partitions, replicas, retentionMs };
  return [
    ...withDeadLetters({ ...plan, name: FRAMES.name }),
    ...withDeadLetters({
      ...plan,
      name: OBSERVATIONS.name,
      messageBytesMax: CODEC_DEFAULTS.observationBytesMax + 1024 * 1024,
    }),
    ...withDeadLetters({ ...plan, name: PROBE_REPORTS.name, partitions: 1 }),
    ...withDeadLetters({ ...plan, name: EVENTS.name }),
    checkpointPlan(plan),
  ];
}

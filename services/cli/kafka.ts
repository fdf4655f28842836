/** Kafka as the configuration wants it: options of the bus, topics, sealing. */
import type { KeyObject } from 'node:crypto';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { FRAMES, OBSERVATIONS, PROBE_REPORTS } from '../../schemas/topics.ts';
import type { Topic } from '../bus/bus.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import {
  checkpointPlan,
  KAFKA_DEFAULTS,
  KafkaBus,
  type KafkaOptions,
  Keyring,
  sealedCodec,
  TOPIC_DEFAULTS,
  type TopicPlan,
  withDeadLetters,
} from '../kafka/index.ts';
import { maskedCodec } from '../masking/masked-codec.ts';

/** An observation brings the new contents of its call, a message of several megabytes among them. */
const OBSERVATION_BYTES_MAX = 20 * 1024 * 1024;

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
    producer: { ...defaults.producer, compression, recordBytesMax: OBSERVATION_BYTES_MAX },
    consumer: { ...defaults.consumer, sessionTimeoutMs, drainMs, queueBytesMax },
  };
}

/** @throws BitternError BIT_KAFKA_UNCONFIGURED, and what the bus throws when no broker lets us in */
export function openKafkaBus(config: Config): Promise<KafkaBus> {
  return KafkaBus.open(optionsOf(config));
}

/**
 * The topics, sealed when a key is configured. `masking`: the key that credentials in frames are hidden with; needed by who writes
 * or reads frames.
 */
export function kafkaTopics(
  config: Config,
  masking: KeyObject | null,
): {
  readonly frames: Topic<Frame>;
  readonly observations: Topic<Observation>;
} {
  const { sealKeys, sealActive } = config.kafka;
  const frames = masking === null ? FRAMES : { ...FRAMES, codec: maskedCodec(FRAMES.codec, masking) };
  if (sealActive === '') return { frames, observations: OBSERVATIONS };
  const sources = Object.entries(sealKeys).map(([id, file]) => ({ id, file }));
  const keyring = Keyring.fromFiles(sources, sealActive);
  return {
    frames: { ...frames, codec: sealedCodec(frames.codec, keyring) },
    observations: { ...OBSERVATIONS, codec: sealedCodec(OBSERVATIONS.codec, keyring) },
  };
}

/** Topics with their dead letters, as `bittern topics` makes and checks them. */
export function topicPlans(config: Config): readonly TopicPlan[] {
  const { partitions, replicas, retentionMs } = config.kafka;
  const plan = { ...TOPIC_DEFAULTS, partitions, replicas, retentionMs };
  return [
    ...withDeadLetters({ ...plan, name: FRAMES.name }),
    ...withDeadLetters({ ...plan, name: OBSERVATIONS.name, messageBytesMax: OBSERVATION_BYTES_MAX + 1024 * 1024 }),
    ...withDeadLetters({ ...plan, name: PROBE_REPORTS.name, partitions: 1 }),
    checkpointPlan(plan),
  ];
}

/** The bus over Kafka. */

import { z } from 'zod';
import { KAFKA_DEFAULTS } from '../../kafka/options.ts';
import { TOPIC_DEFAULTS } from '../../kafka/topics.ts';
import { DAY_MS, flag, GB, MB, text, whole } from '../fields.ts';

export const kafka = z
  .strictObject({
    brokers: z
      .array(z.string().regex(/^.+:\d+$/, 'must look like host:port'))
      .default([])
      .describe('host:port of some brokers. Needed by the commands that run one stage each; not used by the others.'),
    clientId: text(KAFKA_DEFAULTS.clientId, "How this process is named in the brokers' logs and quotas."),
    tls: flag(false, 'Connect with TLS.'),
    tlsCaFile: text(
      '',
      "PEM file of the authority that signed the brokers' certificates. Empty: the system's authorities.",
    ),
    tlsCertFile: text('', "PEM file of this client's certificate (mTLS)."),
    tlsKeyFile: text('', "PEM file of this client's key (mTLS)."),
    saslMechanism: z
      .enum(['', 'plain', 'scram-sha-256', 'scram-sha-512'])
      .default('')
      .describe('SASL mechanism; empty: none.'),
    saslUsername: text('', 'SASL user name.'),
    saslPasswordFile: text('', 'File with the SASL password.'),
    saslPasswordVariable: text('', 'Environment variable with the SASL password, when there is no file.'),
    sealKeys: z
      .record(z.string(), z.string())
      .default({})
      .describe(
        'Keys that seal payloads, so that the brokers hold no plain text: key id and file (32 bytes as hex or base64). Keep old ones as long as records sealed with them are to be read.',
      ),
    sealActive: text('', 'Id of the key that new records are sealed with. Empty: records are not sealed.'),
    encoding: z
      .enum(['single_object', 'confluent'])
      .default('single_object')
      .describe(
        'What stands before the Avro body of a record: single_object (C3 01 and the fingerprint of the schema) or confluent (0 and its id in the schema registry).',
      ),
    schemaRegistryUrl: z
      .string()
      .regex(/^$|^https?:\/\/[^@\s]+$/, 'must be an http or https URL without user and password')
      .default('')
      .describe(
        'Schema registry with the REST API of Confluent, such as https://registry:8081. With it both encodings are read. Empty: none.',
      ),
    schemaRegistryUsername: text('', 'User name for the schema registry (HTTP basic authentication). Empty: none.'),
    schemaRegistryPasswordFile: text('', 'File with its password.'),
    schemaRegistryPasswordVariable: text('', 'Environment variable with its password, when there is no file.'),
    schemaRegistryCaFile: text(
      '',
      "PEM file of the authority that signed the registry's certificate. Empty: the system's authorities.",
    ),
    compression: z
      .enum(['none', 'zstd', 'gzip'])
      .default(KAFKA_DEFAULTS.producer.compression)
      .describe('How producers compress.'),
    partitions: whole(
      1,
      10_000,
      TOPIC_DEFAULTS.partitions,
      'Partitions of the topics that `bittern topics --create` makes: the most consumers that can share the work.',
    ),
    replicas: whole(
      1,
      100,
      TOPIC_DEFAULTS.replicas,
      'Replicas of these topics. With three and more a record counts as published when two brokers have it (min.insync.replicas).',
    ),
    retentionMs: whole(
      60_000,
      365 * DAY_MS,
      TOPIC_DEFAULTS.retentionMs,
      'How long a record stays in these topics, and so how long consumers may be down.',
    ),
    sessionTimeoutMs: whole(
      1000,
      600_000,
      KAFKA_DEFAULTS.consumer.sessionTimeoutMs,
      'A consumer that is not heard of for so long is taken for dead.',
    ),
    drainMs: whole(
      100,
      600_000,
      KAFKA_DEFAULTS.consumer.drainMs,
      'How long a consumer may finish its work before its partitions go to another.',
    ),
    queueBytesMax: whole(
      MB,
      16 * GB,
      KAFKA_DEFAULTS.consumer.queueBytesMax,
      'Bytes fetched and not yet handled; above it fetching pauses.',
    ),
  })
  .prefault({})
  .describe(
    'Kafka between the stages, for one process a stage (`bittern capture --kafka`, `bittern reassembler`, `bittern sink`).',
  );

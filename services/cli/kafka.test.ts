import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAMES } from '../../schemas/topics.ts';
import { loadConfig } from '../config/load.ts';
import { type KafkaTopicOptions, kafkaTopics } from './kafka.ts';

/** Nobody listens there. */
const NOWHERE = 'http://127.0.0.1:9';

async function topicsWith(env: NodeJS.ProcessEnv, writes: KafkaTopicOptions['writes']) {
  const { config } = await loadConfig({ env });
  return kafkaTopics(config, { writes, maskingKey: null, note: () => {} });
}

test("Confluent's encoding without a registry is told, and so is an address with a password in it", async () => {
  await assert.rejects(topicsWith({ BITTERN_KAFKA_ENCODING: 'confluent' }, []), {
    code: 'BIT_KAFKA_UNCONFIGURED',
    message: /kafka\.schemaRegistryUrl/,
  });
  await assert.rejects(loadConfig({ env: { BITTERN_KAFKA_SCHEMA_REGISTRY_URL: 'https://user:secret@registry' } }), {
    code: 'BIT_CONFIG_INVALID',
    message: /kafka\.schemaRegistryUrl: must be .* without user and password/,
  });
});

test('only a process that writes in the encoding of the registry needs it at its start', {
  timeout: 60_000,
}, async () => {
  const reads = { BITTERN_KAFKA_SCHEMA_REGISTRY_URL: NOWHERE };
  const writes = { ...reads, BITTERN_KAFKA_ENCODING: 'confluent' };
  assert.equal((await topicsWith({}, ['frames'])).frames, FRAMES);
  assert.equal((await topicsWith(reads, ['frames'])).frames.codec.headers?.['schema-id'], undefined);
  assert.equal((await topicsWith(writes, [])).observations.codec.headers?.['schema-id'], undefined);
  await assert.rejects(topicsWith(writes, ['reports']), { code: 'BIT_REGISTRY_UNREACHABLE' });
});

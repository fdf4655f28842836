import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { inspect } from 'node:util';
import type { KafkaBroker } from '../../load-tests/kafka/broker.ts';
import { brokerTests } from '../../load-tests/kafka/for-tests.ts';
import { TEST_USER } from '../../load-tests/kafka/settings.ts';
import { BitternError } from '../common/errors.ts';
import type { KafkaOptions, KafkaTlsOptions, SaslMechanism } from './index.ts';
import { readCredentials } from './security.ts';
import { openBus } from './test-bus.ts';
import { makeTopic, Recorder, testOptions, until } from './test-support.ts';

const broker = brokerTests();
const MECHANISMS: readonly SaslMechanism[] = ['plain', 'scram-sha-256', 'scram-sha-512'];

function tls(kafka: KafkaBroker): KafkaTlsOptions {
  return { caFile: kafka.certificates.caFile, certFile: null, keyFile: null };
}

function saslOptions(kafka: KafkaBroker, mechanism: SaslMechanism): KafkaOptions {
  const sasl = { mechanism, username: TEST_USER.username, password: { env: 'KAFKA_PASSWORD' } };
  return { ...testOptions(kafka), brokers: [kafka.saslSsl], security: { tls: tls(kafka), sasl } };
}

/** Produces and consumes one record: both clients have to sign in for that. */
async function roundTrip(options: KafkaOptions, env: NodeJS.ProcessEnv, name: string): Promise<void> {
  const bus = await openBus(options, env);
  const topic = await makeTopic(bus, name, 1);
  const producer = bus.producer(topic);
  await producer.publish('k', 'v');
  await producer.flush();
  const recorder = await Recorder.start(bus, topic, name);
  await until('the record is there', () => recorder.seen.length === 1);
  assert.deepEqual(await bus.deadLetters.list(name), []);
  await bus.close();
}

for (const mechanism of MECHANISMS) {
  broker.test(`both clients sign in with ${mechanism} over TLS`, async (kafka) => {
    await roundTrip(saslOptions(kafka, mechanism), { KAFKA_PASSWORD: TEST_USER.password }, `sasl-${mechanism}`);
  });
  broker.test(`a wrong password with ${mechanism} is told as one, without the password`, async (kafka) => {
    const wrong = 'wrong-password-7';
    await assert.rejects(openBus(saslOptions(kafka, mechanism), { KAFKA_PASSWORD: wrong }), (error) => {
      assert.ok(error instanceof BitternError);
      assert.equal(error.code, 'BIT_KAFKA_AUTH');
      assert.match(error.message, /password/);
      assert.ok(!inspect(error, { depth: 20 }).includes(wrong));
      return true;
    });
  });
}

broker.test('both clients sign in with a certificate (mTLS)', async (kafka) => {
  const { clientCertFile: certFile, clientKeyFile: keyFile } = kafka.certificates;
  const options = { ...testOptions(kafka), brokers: [kafka.mtls] };
  await roundTrip({ ...options, security: { tls: { ...tls(kafka), certFile, keyFile }, sasl: null } }, {}, 'mtls');
});

broker.test('a missing client certificate, an unknown authority and a dead port are told apart', async (kafka) => {
  const options = { ...testOptions(kafka), connectTimeoutMs: 1_500 };
  const open = (brokers: string[], tlsOptions: KafkaTlsOptions | null) =>
    openBus({ ...options, brokers, security: { tls: tlsOptions, sasl: null } });
  await assert.rejects(open([kafka.mtls], tls(kafka)), { code: 'BIT_KAFKA_TLS' });
  await assert.rejects(open([kafka.mtls], { ...tls(kafka), caFile: null }), { code: 'BIT_KAFKA_TLS' });
  await assert.rejects(open(['127.0.0.1:1'], null), { code: 'BIT_KAFKA_UNREACHABLE' });
});

test('a password file loses its last newline, and credentials never show in inspect or JSON', () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'bittern-security-')), 'password');
  writeFileSync(file, 'hunter2\n');
  const sasl = { mechanism: 'plain', username: 'u', password: { file } } as const;
  const credentials = readCredentials({ tls: null, sasl }, {});
  assert.equal(credentials.sasl?.password.reveal(), 'hunter2');
  assert.ok(!`${inspect(credentials)}${JSON.stringify(credentials)}${credentials.sasl?.password}`.includes('hunter2'));
});

test('settings that can not work are refused with what is missing', () => {
  const read = (security: Parameters<typeof readCredentials>[0]) => () => readCredentials(security, {});
  const sasl = { mechanism: 'plain', username: 'u', password: { env: 'NOT_SET' } } as const;
  assert.throws(read({ tls: null, sasl }), { code: 'BIT_KAFKA_SECURITY', message: /NOT_SET/ });
  const half = { caFile: null, certFile: 'cert.pem', keyFile: null };
  assert.throws(read({ tls: half, sasl: null }), { code: 'BIT_KAFKA_SECURITY', message: /key file/ });
  const absent = { caFile: '/nowhere/ca.pem', certFile: null, keyFile: null };
  assert.throws(read({ tls: absent, sasl: null }), { code: 'BIT_KAFKA_SECURITY', message: /nowhere/ });
});

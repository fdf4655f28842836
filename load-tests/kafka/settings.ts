/** The settings file of a test broker: a node that is broker and controller, alone or one of several, with the four ways of signing in that people run. */
import type { Certificates } from './certificates.ts';

export interface BrokerPorts {
  readonly plaintext: number;
  /** TLS with SASL: SCRAM-SHA-256, SCRAM-SHA-512 and PLAIN. */
  readonly saslSsl: number;
  /** TLS with a client certificate. */
  readonly mtls: number;
  readonly controller: number;
}

/** The one user of the test broker, by every SASL mechanism. */
export const TEST_USER = { username: 'alice', password: 'alice-secret' } as const;

const HOST = '127.0.0.1';

/** One node of a cluster, and where all its controllers listen, by node from 1 on. */
export interface ClusterPlace {
  readonly node: number;
  readonly controllerPorts: readonly number[];
}

/** `place`: left out for a broker that is alone. */
export function serverProperties(
  ports: BrokerPorts,
  dataDir: string,
  certificates: Certificates,
  place: ClusterPlace = { node: 1, controllerPorts: [ports.controller] },
): string {
  const voters = place.controllerPorts.map((port, index) => `${index + 1}@${HOST}:${port}`);
  const replicas = voters.length;
  const listeners = [
    `PLAINTEXT://${HOST}:${ports.plaintext}`,
    `SASL_SSL://${HOST}:${ports.saslSsl}`,
    `MTLS://${HOST}:${ports.mtls}`,
  ];
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  const plain = `org.apache.kafka.common.security.plain.PlainLoginModule required user_${TEST_USER.username}="${TEST_USER.password}";`;
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': place.node,
    'controller.quorum.voters': voters.join(','),
    listeners: [...listeners, `CONTROLLER://${HOST}:${ports.controller}`].join(','),
    'advertised.listeners': listeners.join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,MTLS:SSL,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'sasl.enabled.mechanisms': 'SCRAM-SHA-256,SCRAM-SHA-512,PLAIN',
    'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': scram,
    'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': scram,
    'listener.name.sasl_ssl.plain.sasl.jaas.config': plain,
    'listener.name.mtls.ssl.client.auth': 'required',
    'ssl.keystore.type': 'PEM',
    'ssl.keystore.location': certificates.serverStoreFile,
    'ssl.truststore.type': 'PEM',
    'ssl.truststore.location': certificates.caFile,
    'log.dirs': dataDir,
    'offsets.topic.replication.factor': replicas,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'auto.create.topics.enable': false,
    // Tests wait for groups: no delay for more members, and sessions as short as a test wants them.
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // A small heap has no room for the default of 128 MB.
    'log.cleaner.dedupe.buffer.size': 4 * 1024 * 1024,
    // A broker that was killed can come back only when its old registration has run out.
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    // Of several brokers, whoever came back leads again soon.
    'leader.imbalance.check.interval.seconds': 5,
    'num.network.threads': 2,
    'num.io.threads': 4,
  };
  return Object.entries(settings)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('');
}

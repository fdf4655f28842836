/**
 * A broker for a test file: started before its tests, removed after them. Where Java, Maven or OpenSSL are missing the tests
 * skip and say so; in CI (`CI=true`) the missing tool is a failure instead.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { KafkaBroker } from './broker.ts';
import { missingTools } from './distribution.ts';

/** Far above what any of them takes on a busy machine. */
const TEST_TIMEOUT_MS = 120_000;

export interface BrokerTests {
  /** Like `test`, with the running broker. */
  readonly test: (name: string, body: (broker: KafkaBroker) => Promise<void>) => void;
}

export function brokerTests(): BrokerTests {
  const missing = missingTools();
  const skip = missing.length > 0 && process.env.CI !== 'true' ? `no broker: ${missing.join(', ')} missing` : false;
  if (skip !== false) console.error(`SKIPPED: tests on a real Kafka broker need ${missing.join(', ')} on the PATH.`);
  let broker: KafkaBroker | undefined;
  before(async () => {
    if (skip !== false) return;
    broker = await KafkaBroker.open(await mkdtemp(path.join(tmpdir(), 'bittern-kafka-')));
    await broker.start();
  });
  after(() => broker?.remove());
  return {
    test: (name, body) => {
      test(name, { skip, timeout: TEST_TIMEOUT_MS }, () => body(broker!));
    },
  };
}

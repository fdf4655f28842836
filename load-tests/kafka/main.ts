/**
 * The test broker by hand: `sh scripts/node.sh load-tests/kafka/main.ts COMMAND [DIR]`, DIR defaults to `.cache/kafka/broker`.
 *
 *   fetch    fetches Apache Kafka (about 55 MB, once)
 *   start    starts the broker of DIR (made on first use) and leaves it running
 *   stop | kill | status | remove
 */
import path from 'node:path';
import { BitternError } from '../../services/common/errors.ts';
import { KafkaBroker } from './broker.ts';
import { fetchDistribution, KAFKA_DISTRIBUTION } from './distribution.ts';

async function main(command: string | undefined, dir: string): Promise<void> {
  if (command === 'fetch') {
    console.log(await fetchDistribution());
    return;
  }
  const broker = await KafkaBroker.open(dir);
  switch (command) {
    case 'start':
      await broker.start(true);
      break;
    case 'stop':
      await broker.stop();
      break;
    case 'kill':
      await broker.kill();
      break;
    case 'remove':
      await broker.remove();
      break;
    case 'status':
      break;
    default:
      throw new BitternError('BIT_USAGE', 'Say fetch, start, stop, kill, status or remove.');
  }
  console.log(`${broker.running ? 'running' : 'stopped'} ${dir}`);
  if (broker.running)
    console.log(`plaintext ${broker.plaintext}\nsasl_ssl  ${broker.saslSsl}\nmtls      ${broker.mtls}`);
}

const [command, dir = path.join(KAFKA_DISTRIBUTION.cacheDir, 'broker')] = process.argv.slice(2);
try {
  await main(command, path.resolve(dir));
} catch (error) {
  if (!(error instanceof BitternError)) throw error;
  console.error(`${error.code}: ${error.message}`);
  process.exitCode = 1;
}

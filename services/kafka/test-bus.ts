/** Buses of tests: closed after their test, whether or not it came that far itself, so that a failure doesn't hang the run. */
import { afterEach } from 'node:test';
import { KafkaBus, type KafkaOptions } from './index.ts';

const opened: KafkaBus[] = [];

afterEach(async () => {
  for (const bus of opened.splice(0)) await bus.close().catch(() => {});
});

export async function openBus(options: KafkaOptions, env: NodeJS.ProcessEnv = {}): Promise<KafkaBus> {
  const bus = await KafkaBus.open(options, env);
  opened.push(bus);
  return bus;
}

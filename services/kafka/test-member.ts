/**
 * A member of a consumer group as a process of its own, for tests that kill it: `node test-member.ts BROKER TOPIC GROUP`. Writes
 * one JSON line a step: `{"assigned": …}`, `{"handled": [partition, value]}`, `{"committed": [partition, offset]}`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaBus } from './index.ts';
import { testOptions, textTopic } from './test-support.ts';

const WORK_MS = 20;
const [broker = '', topic = '', group = ''] = process.argv.slice(2);
const bus = await KafkaBus.open(testOptions({ plaintext: broker }, { batchRecordsMax: 10 }));
const write = (step: object): boolean => process.stdout.write(`${JSON.stringify(step)}\n`);
const consumer = await bus.consumer(textTopic(topic), group, {
  assigned: (assignments) => {
    write({ assigned: assignments.map(({ partition, offset }) => [partition, offset]) });
  },
  batch: async ({ partition, records, nextOffset }) => {
    await sleep(WORK_MS);
    for (const { value } of records) write({ handled: [partition, value] });
    if ((await consumer.commit(partition, nextOffset)) === 'committed') write({ committed: [partition, nextOffset] });
  },
});
await consumer.done;

/**
 * A member of a consumer group as a process of its own, for tests that kill it: `node test-member.ts BROKER TOPIC GROUP WORK_MS METADATA_BYTES`.
 * Writes one JSON line a step: `{"begun": partition}`, `{"handled": [partition, value]}`, `{"result": "committed" | "fenced"}`.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { KafkaBus } from './index.ts';
import { testOptions, textTopic } from './test-support.ts';

const [broker = '', topic = '', group = '', workMs = '0', metadataBytes = '0'] = process.argv.slice(2);
const bus = await KafkaBus.open(testOptions({ plaintext: broker }, { batchRecordsMax: 10 }));
const write = (step: object): boolean => process.stdout.write(`${JSON.stringify(step)}\n`);
const consumer = await bus.consumer(textTopic(topic), group, {
  batch: async ({ partition, records, nextOffset }) => {
    write({ begun: partition });
    await sleep(Number(workMs));
    for (const { value } of records) write({ handled: [partition, value] });
    write({
      result: await consumer.commit(partition, nextOffset, `${nextOffset}:`.padEnd(Number(metadataBytes), 'x')),
    });
  },
});
await consumer.done;

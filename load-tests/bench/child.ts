/** Measures one stage in a process of its own: `child.ts STAGE FILE` prints one JSON object. */
import { type Measured, yardstick } from './measure.ts';
import { requestBodies, STAGES } from './stages.ts';

const YARDSTICK_BODIES = 200;
const [stage = '', file = ''] = process.argv.slice(2);
const entry = STAGES[stage];
if (entry === undefined) throw new Error(`no stage '${stage}'; there are ${Object.keys(STAGES).join(', ')}`);
const yardstickMbPerSecond = yardstick(requestBodies(file, YARDSTICK_BODIES));
const result = await entry.run(file);
const measured: Measured = {
  stage,
  calls: result.calls,
  bytes: result.bytes,
  seconds: result.seconds,
  cpuSeconds: result.cpuSeconds,
  rssMb: process.resourceUsage().maxRSS / 1000,
  engineRssMb: result.engineRssMb ?? 0,
  yardstickMbPerSecond,
  note: result.note ?? '',
};
process.stdout.write(JSON.stringify(measured));

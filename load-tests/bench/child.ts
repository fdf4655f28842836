/** Measures one stage in a process of its own: `child.ts STAGE FILE` prints one JSON object. */
import type { Measured } from './measure.ts';
import { STAGES } from './stages.ts';

const [stage = '', file = ''] = process.argv.slice(2);
const entry = STAGES[stage];
if (entry === undefined) throw new Error(`no stage '${stage}'; there are ${Object.keys(STAGES).join(', ')}`);
const result = await entry.run(file);
const measured: Measured = {
  stage,
  calls: result.calls,
  bytes: result.bytes,
  seconds: result.seconds,
  cpuSeconds: result.cpuSeconds,
  rssMb: process.resourceUsage().maxRSS / 1000,
  engineRssMb: result.engineRssMb ?? 0,
  yardstickMbPerSecond: result.yardstickMbPerSecond,
  note: result.note ?? '',
};
process.stdout.write(JSON.stringify(measured));

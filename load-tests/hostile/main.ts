/**
 * What hostile packets do to the probe and to an innocent stream beside them, a million of each kind:
 *
 *     npm run hostile -- [--packets 1000000] [--only TEXT]
 *
 * `slowed`: time for the innocent stream's packets against the same ones without hostile ones between, medians of `ROUNDS` rounds that
 * take turns. `cost`: a hostile packet's time against an innocent one's.
 */
import { parseArgs } from 'node:util';
import { type Measured, measure } from './measure.ts';
import { HOSTILE } from './traffic.ts';

const ROUNDS = 3;

const { values } = parseArgs({
  options: { packets: { type: 'string', default: '1000000' }, only: { type: 'string', default: '' } },
});
const packets = Number(values.packets);

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)]!;

measure(null, 100_000); // warms up
for (const hostile of HOSTILE.filter(({ name }) => name.includes(values.only))) {
  const alone: Measured[] = [];
  const beside: Measured[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    alone.push(measure(null, packets));
    beside.push(measure(hostile, packets));
  }
  const aloneSeconds = median(alone.map(({ innocentSeconds }) => innocentSeconds));
  const slowed = median(beside.map(({ innocentSeconds }) => innocentSeconds)) / aloneSeconds - 1;
  const cost = median(beside.map(({ hostileSeconds }) => hostileSeconds)) / aloneSeconds;
  const memory = Math.round(Math.max(...beside.map(({ memoryBytes }) => memoryBytes)) / 1e6);
  const same = beside.every(({ innocentHash }) => innocentHash === alone[0]!.innocentHash);
  const losses = beside[0]!.losses.map(({ reason, packets: count, bytes }) => `${reason} ${count}/${bytes}`).join(', ');
  const figures = `slowed ${(slowed * 100).toFixed(0)} %, cost ${cost.toFixed(1)}, memory ${memory} MB`;
  console.log(
    `${hostile.name}: ${same ? 'untouched' : 'TOUCHED'}, ${figures}; counted (packets/bytes): ${losses || 'nothing'}`,
  );
}

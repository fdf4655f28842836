/** Runs as lines of a table. */
import type { Run } from './runs.ts';

const total = ({ cost }: Run): number => Object.values(cost).reduce((sum, each) => sum + each, 0);

/** CPU seconds for 1,000 calls. */
export const perThousand = (run: Run): number => (total(run) / run.calls) * 1000;
/** The same without the broker's and ClickHouse's. */
export const ownPerThousand = ({ cost, calls }: Run): number =>
  ((cost.probe + cost.reassembler + cost.sink) / calls) * 1000;

export const HEADER = [
  'run'.padEnd(34),
  'calls'.padStart(6),
  'calls/s'.padStart(8),
  ...['probe', 'reassm.', 'sink', 'broker', 'ClickH.', 'all', 'Bittern'].map((name) => name.padStart(8)),
  ...['frames', 'calls'].map((name) => name.padStart(8)),
].join('');

export function line(run: Run): string {
  const { cost, calls, seconds, payloadBytes, frameBytes, callBytes } = run;
  const each = (cpu: number): string => ((cpu / calls) * 1000).toFixed(2).padStart(8);
  const share = (bytes: number): string =>
    (bytes === 0 ? '' : `${((bytes / payloadBytes) * 100).toFixed(0)} %`).padStart(8);
  return [
    run.name.padEnd(34),
    String(calls).padStart(6),
    (calls / seconds).toFixed(0).padStart(8),
    ...[cost.probe, cost.reassembler, cost.sink, cost.broker, cost.clickhouse, total(run)].map(each),
    each(cost.probe + cost.reassembler + cost.sink),
    share(frameBytes),
    share(callBytes),
  ].join('');
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

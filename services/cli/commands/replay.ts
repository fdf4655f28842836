import type { SinkStats } from '../../clickhouse/sink.ts';
import { type CommandBody, type Context, EXIT } from '../command.ts';
import { type ReplayResult, replayFiles } from '../replay.ts';
import { openConfiguredStore } from '../runtime.ts';
import { type CaptureTarget, kafkaTarget, storeTarget } from '../target.ts';
import { formatBytes, formatCount, formatMs, storedRows } from '../terminal/units.ts';

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function lossTotals(result: ReplayResult): { reason: string; packets: number; bytes: number }[] {
  const totals = new Map<string, { reason: string; packets: number; bytes: number }>();
  for (const loss of result.reports.flatMap((report) => report.losses)) {
    const total = totals.get(loss.reason) ?? { reason: loss.reason, packets: 0, bytes: 0 };
    total.packets += loss.packets;
    total.bytes += loss.bytes;
    totals.set(loss.reason, total);
  }
  return [...totals.values()];
}

const NOTHING_STORED = { calls: 0, toolExecutions: 0, exchanges: 0, alreadyStored: 0, deadLetters: 0 };

function storedLine(sink: SinkStats): string {
  const already = sink.alreadyStored > 0 ? `; ${formatCount(sink.alreadyStored)} were there already` : '';
  return `Stored ${storedRows(sink)}${already}.`;
}

function report(context: Context, result: ReplayResult): void {
  const { reports, sink, elapsedMs } = result;
  const losses = lossTotals(result);
  const notes = reports.flatMap((each) => each.notes.map((note) => `${each.source}: ${note}`));
  const bytes = sum(reports, (each) => each.bytes);
  const packets = sum(reports, (each) => each.packets);
  if (context.json) {
    const { calls, toolExecutions, exchanges, alreadyStored, deadLetters } = sink ?? NOTHING_STORED;
    context.print(
      JSON.stringify({
        complete: result.complete,
        elapsedMs: Math.round(elapsedMs),
        packets,
        bytes,
        calls,
        toolExecutions,
        exchanges,
        alreadyStored,
        deadLetters,
        losses,
        notes,
      }),
    );
    return;
  }
  const rate = formatBytes((bytes / elapsedMs) * 1000);
  context.print(`Read ${formatCount(packets)} packets (${formatBytes(bytes)}) in ${formatMs(elapsedMs)} (${rate}/s).`);
  context.print(
    sink === null ? `Published ${formatCount(sum(reports, (each) => each.frames))} frames.` : storedLine(sink),
  );
  for (const loss of losses) {
    const what = loss.reason === 'not_http' ? 'Not HTTP, not kept' : `Missed (${loss.reason})`;
    context.print(`${what}: ${formatBytes(loss.bytes)} in ${formatCount(loss.packets)} packets.`);
  }
  for (const note of notes) context.print(`Note: ${note}`);
  if (sink !== null && sink.deadLetters > 0)
    context.print(`ClickHouse refused ${formatCount(sink.deadLetters)} rows; see the table dead_letters.`);
  if (!result.complete) context.note('Stopped before the end; what was read is stored.');
}

export const replay: CommandBody = {
  usage: 'FILE…|DIR|- [options]',
  details: [
    'Reads pcap and pcapng, plain or compressed with gzip or zstd; - is standard input. Several files are one capture in the order',
    'given, those of a folder in the order of their first packets (rotated files: connections go on from one to the next). Returns when everything can be queried. A damaged capture is',
    'no failure: the damage is reported, counted and marked on the calls. Replaying a file again stores nothing twice.',
  ].join('\n'),
  options: {
    kafka: { type: 'boolean', description: 'be a probe: publish frames to Kafka instead of storing calls' },
    mirrors: {
      type: 'boolean',
      description: 'the files are of several probes that saw the same traffic, each in whole or in part',
    },
  },
  examples: [
    ['bittern replay gateway.pcap.gz', 'stores the calls of one file'],
    ['bittern replay ring.pcap0 ring.pcap1 ring.pcap2', 'a ring of rotated files as one capture'],
    [
      'bittern replay --mirrors rx.pcap tx.pcap',
      'each direction in a file of its own, or two mirrors with losses of their own',
    ],
    ['bittern replay /var/captures', 'all captures of a folder, in their order in time'],
    ['ssh gw tcpdump -U -w - tcp port 8080 | bittern replay -', 'from another machine'],
  ],
  positionals: { min: 1, max: 10_000 },
  run: async (context) => {
    const { args, loaded, signal } = context;
    const mirrors = args.flag('mirrors');
    const { config: configured } = loaded;
    const reassembler = { ...configured.reassembler, probesOverlap: mirrors || configured.reassembler.probesOverlap };
    const config = { ...configured, reassembler };
    const replayTo = async (openTarget: () => Promise<CaptureTarget>): Promise<number> => {
      const result = await replayFiles({ config, files: args.positionals, signal, mirrors, openTarget });
      report(context, result);
      return result.complete ? EXIT.ok : EXIT.interrupted;
    };
    if (args.flag('kafka')) return replayTo(() => kafkaTarget(config, context.note));
    const store = await openConfiguredStore(config);
    try {
      return await replayTo(() => storeTarget(config, store, context.note));
    } finally {
      await store.close();
    }
  },
};

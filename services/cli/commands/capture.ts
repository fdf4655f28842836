import { type CommandBody, type Context, EXIT, usageError } from '../command.ts';
import { captureLive, type LiveResult } from '../live.ts';
import { startObserving } from '../observe.ts';
import { openConfiguredStore } from '../runtime.ts';
import { type CaptureTarget, kafkaTarget, storeTarget } from '../target.ts';
import { ProgressBar } from '../terminal/progress.ts';
import { formatCount, storedRows } from '../terminal/units.ts';

const NOTHING_STORED = { calls: 0, toolExecutions: 0, exchanges: 0, deadLetters: 0 };

function report(context: Context, result: LiveResult): void {
  const { sink, droppedPackets, failure } = result;
  if (context.json) {
    const { calls, toolExecutions, exchanges, deadLetters } = sink ?? NOTHING_STORED;
    context.print(
      JSON.stringify({
        calls,
        toolExecutions,
        exchanges,
        deadLetters,
        droppedPackets,
        failure: failure?.message ?? null,
      }),
    );
    return;
  }
  if (sink !== null) {
    context.print(`Stored ${storedRows(sink)}.`);
  }
  if (droppedPackets > 0)
    context.print(
      `The kernel dropped ${formatCount(droppedPackets)} packets: raise capture.kernelBufferBytes or narrow the filter.`,
    );
}

async function captureTo(context: Context, target: CaptureTarget): Promise<number> {
  const { config } = context.loaded;
  const observing = await startObserving(context, 'capture');
  const bar = new ProgressBar(null);
  const [source] = context.args.positionals;
  const filter = config.capture.filter === '' ? '' : ` (${config.capture.filter})`;
  const what =
    source === undefined
      ? `on ${config.capture.interface}${filter}`
      : `from ${source === '-' ? 'standard input' : source}`;
  try {
    const result = await captureLive({
      config,
      target,
      signal: context.signal,
      observing,
      source,
      onReady: () => context.note(`Capturing ${what}. Ctrl-C ends it.`),
      onProgress: (bytes, detail) => bar.update(bytes, detail),
    });
    bar.end();
    report(context, result);
    if (result.failure !== null) throw result.failure;
    return EXIT.ok;
  } finally {
    bar.end();
    observing.close();
  }
}

export const capture: CommandBody = {
  usage: '-i IFACE | - | FILE | DIR [options]',
  details: [
    'Starts tcpdump (or dumpcap) as a child and stores calls as they end, until Ctrl-C. Only the child needs the right to capture; see',
    "'bittern doctor'. Packets that the kernel drops are counted and reported. A tool that ends by itself is started again, a few times.",
    '',
    'Instead of an interface: - takes a capture from standard input as it comes; a file is followed while it grows; a folder is followed as',
    'tcpdump -C or -G writes one file after the other into it. What is there already is read first. (Finished files: bittern replay.)',
  ].join('\n'),
  options: {
    interface: {
      type: 'string',
      short: 'i',
      value: 'IFACE',
      multiple: true,
      description: "interface, or 'any'; more than one are one capture (setting capture.interface)",
    },
    filter: {
      type: 'string',
      value: 'EXPRESSION',
      description: "pcap filter, such as 'tcp port 8080' (setting capture.filter)",
    },
    kafka: { type: 'boolean', description: 'be a probe: publish frames to Kafka instead of storing calls' },
    tool: { type: 'string', value: 'NAME', description: 'tcpdump or dumpcap (setting capture.tool)' },
  },
  settings: { interface: 'capture.interface', filter: 'capture.filter', tool: 'capture.tool' },
  examples: [
    ["sudo bittern capture -i eth1 --filter 'tcp port 8080'", 'a mirrored port'],
    ['sudo bittern capture -i lo', 'agents and gateway on this machine'],
    ['sudo bittern capture -i eth1 -i eth2', 'a tap with a port for each direction'],
    ['ssh gw sudo tcpdump -U -s 0 -w - tcp port 8080 | bittern capture -', 'live from another machine'],
    ['bittern capture /var/captures', 'a folder that tcpdump -G 60 -w /var/captures/%s.pcap writes'],
  ],
  positionals: { min: 0, max: 1 },
  service: true,
  run: async (context) => {
    const { config } = context.loaded;
    if (config.capture.interface === '' && context.args.positionals.length === 0)
      throw usageError("Name an interface: bittern capture -i IFACE ('any' for all), or give -, a file or a folder.");
    if (context.args.flag('kafka')) return captureTo(context, await kafkaTarget(config, context.note, context.signal));
    const store = await openConfiguredStore(config);
    try {
      return await captureTo(context, await storeTarget(config, store, context.note));
    } finally {
      await store.close();
    }
  },
};

import { type Command, type Context, EXIT, usageError } from '../command.ts';
import { captureLive, type LiveResult } from '../live.ts';
import { openConfiguredStore } from '../runtime.ts';
import { ProgressBar } from '../terminal/progress.ts';
import { formatCount } from '../terminal/units.ts';

function report(context: Context, result: LiveResult): void {
  const { sink, droppedPackets, failure } = result;
  if (context.json) {
    const { calls, exchanges, deadLetters } = sink;
    context.print(JSON.stringify({ calls, exchanges, deadLetters, droppedPackets, failure: failure?.message ?? null }));
    return;
  }
  context.print(`Stored ${formatCount(sink.calls)} LLM calls and ${formatCount(sink.exchanges)} other HTTP exchanges.`);
  if (droppedPackets > 0)
    context.print(
      `The kernel dropped ${formatCount(droppedPackets)} packets: raise capture.kernelBufferBytes or narrow the filter.`,
    );
}

export const capture: Command = {
  name: 'capture',
  summary: 'Capture live from a network interface',
  usage: '-i IFACE [options]',
  details: [
    'Starts tcpdump (or dumpcap) as a child and stores calls as they end, until Ctrl-C. Only the child needs the right to capture; see',
    "'bittern doctor'. Packets that the kernel drops are counted and reported.",
  ].join('\n'),
  options: {
    interface: {
      type: 'string',
      short: 'i',
      value: 'IFACE',
      description: "interface, or 'any' (setting capture.interface)",
    },
    filter: {
      type: 'string',
      value: 'EXPRESSION',
      description: "pcap filter, such as 'tcp port 8080' (setting capture.filter)",
    },
    tool: { type: 'string', value: 'NAME', description: 'tcpdump or dumpcap (setting capture.tool)' },
  },
  settings: { interface: 'capture.interface', filter: 'capture.filter', tool: 'capture.tool' },
  examples: [
    ["sudo bittern capture -i eth1 --filter 'tcp port 8080'", 'a mirrored port'],
    ['sudo bittern capture -i lo', 'agents and gateway on this machine'],
  ],
  positionals: { min: 0, max: 0 },
  run: async (context) => {
    const { config } = context.loaded;
    if (config.capture.interface === '')
      throw usageError("Name an interface: bittern capture -i IFACE ('any' for all).");
    const store = await openConfiguredStore(config);
    const bar = new ProgressBar(null);
    try {
      const result = await captureLive({
        config,
        store,
        signal: context.signal,
        onReady: () =>
          context.note(
            `Capturing on ${config.capture.interface}${config.capture.filter === '' ? '' : ` (${config.capture.filter})`}. Ctrl-C ends it.`,
          ),
        onProgress: (bytes, calls) => bar.update(bytes, `${formatCount(calls)} calls`),
      });
      bar.end();
      report(context, result);
      if (result.failure !== null) throw result.failure;
      return EXIT.ok;
    } finally {
      bar.end();
      await store.close();
    }
  },
};

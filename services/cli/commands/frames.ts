import { once } from 'node:events';
import { Capture, openCaptureFile } from '../../../mirror/index.ts';
import type { Frame, ProbeReport, Segment } from '../../../schemas/frame.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { captureOptions } from '../runtime.ts';
import { formatTime } from '../summary.ts';
import { formatBytes, formatCount } from '../terminal/units.ts';

function sum(segments: readonly Segment[], side: Segment['side'], field: 'length' | 'gap'): number {
  let total = 0;
  for (const segment of segments) if (segment.side === side) total += segment[field];
  return total;
}

function line(frame: Frame): string {
  const { segments } = frame;
  const gaps = sum(segments, 'client', 'gap') + sum(segments, 'server', 'gap');
  const first = segments[0];
  return [
    first === undefined ? '–'.padEnd(23) : formatTime(first.time),
    frame.connection.slice(0, 8),
    `#${frame.sequence}`.padEnd(5),
    `${frame.client.address}:${frame.client.port} → ${frame.server.address}:${frame.server.port}`,
    `${formatCount(segments.length)} segments`,
    `client ${formatBytes(sum(segments, 'client', 'length'))}`,
    `server ${formatBytes(sum(segments, 'server', 'length'))}`,
    ...(gaps > 0 ? [`GAP ${formatBytes(gaps)}`] : []),
    ...(frame.fromStart ? [] : ['joined in mid-stream']),
    ...(frame.close === null ? [] : [`close: ${frame.close}`]),
  ].join('  ');
}

/** Metadata only: what the bytes say stays where it is. */
function json(frame: Frame): string {
  const { payload, ...rest } = frame;
  return JSON.stringify({ ...rest, payloadBytes: payload.length });
}

function totals(report: ProbeReport): string {
  const lost = report.losses.map(
    (loss) => `${loss.reason} ${formatBytes(loss.bytes)} in ${formatCount(loss.packets)} packets`,
  );
  return [
    `${formatCount(report.packets)} packets, ${formatCount(report.connections)} connections, ${formatCount(report.frames)} frames, ${formatBytes(report.payloadBytes)} payload, ${formatBytes(report.retransmittedBytes)} seen twice.`,
    `Lost or left out: ${lost.length === 0 ? 'nothing' : lost.join('; ')}.`,
    ...report.notes.map((note) => `Note: ${note}`),
  ].join('\n');
}

export const frames: CommandBody = {
  usage: 'FILE|- [options]',
  details: [
    'What the probe makes of the packets, before HTTP: ordered bytes of each connection with their gaps. For looking into a capture that',
    'gives fewer calls than expected. Prints sizes and times, no contents. Needs no database.',
  ].join('\n'),
  options: {},
  examples: [
    ['bittern frames gateway.pcap', 'one line a frame, totals at the end'],
    ['bittern frames gateway.pcap --json | jq \'select(.close == "evicted")\'', 'for programs'],
  ],
  positionals: { min: 1, max: 1 },
  run: async ({ args, loaded, signal, json: asJson, note }) => {
    const file = args.positionals[0] ?? '-';
    const opened = await openCaptureFile(file);
    let ready: string[] = [];
    const capture = new Capture(captureOptions(loaded.config), (frame) =>
      ready.push(asJson ? json(frame) : line(frame)),
    );
    const print = async (): Promise<void> => {
      const lines = ready;
      ready = [];
      if (lines.length > 0 && !process.stdout.write(`${lines.join('\n')}\n`)) await once(process.stdout, 'drain');
    };
    capture.nextSource(file);
    for await (const chunk of opened.chunks) {
      capture.write(chunk);
      await print();
      if (signal.aborted) break;
    }
    capture.end(signal.aborted ? 'stopped' : 'eof');
    await print();
    note(totals(capture.takeReport()));
    return signal.aborted ? EXIT.interrupted : EXIT.ok;
  },
};

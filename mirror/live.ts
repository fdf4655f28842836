/**
 * Live capture: a `tcpdump` or `dumpcap` child writes pcap to a pipe. Only the child needs the right to capture; this process
 * needs none.
 */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { BitternError } from '../services/common/errors.ts';

export interface LiveCaptureOptions {
  /** Network interface, or `any`. */
  readonly interface: string;
  /** Capture filter in pcap-filter(7) syntax; empty for everything. */
  readonly filter: string;
  readonly tool: 'tcpdump' | 'dumpcap';
  /** Ring buffer of the kernel, in bytes. Large: a burst must fit while this process is busy. */
  readonly kernelBufferBytes: number;
  /** Longest packet captured, in bytes. Offloaded segments are up to 64 KB. */
  readonly snapLengthBytes: number;
}

export const LIVE_DEFAULTS: Omit<LiveCaptureOptions, 'interface'> = {
  filter: '',
  tool: 'tcpdump',
  kernelBufferBytes: 64 * 1024 * 1024,
  snapLengthBytes: 262_144,
};

export interface LiveEnd {
  /** Null after `stop`; otherwise why the child ended by itself, in a sentence. */
  readonly failure: BitternError | null;
  /** Packets that the kernel dropped, as the tool told at its end. */
  readonly droppedPackets: number;
}

export interface LiveCapture {
  /** Bytes of one pcap or pcapng stream. Ends when the child does. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Resolves with true when the child captures: traffic from then on is seen. False when it ended before. */
  readonly ready: Promise<boolean>;
  /** Resolves when the child has ended and its chunks were read; never rejects. */
  readonly ended: Promise<LiveEnd>;
  /** Packets that the kernel dropped so far, as far as the tool has told: tcpdump does when it is asked, dumpcap at its end. */
  droppedPackets(): number;
  /** Asks the tool how many packets the kernel dropped; the answer comes a little later. */
  askForDrops(): void;
  /** Ends the capture, `DRAIN_MS` from now: what the kernel still holds comes out first. */
  stop(): void;
}

/** Bytes of the tool's messages that are kept. */
const MESSAGES_MAX = 16 * 1024;
/**
 * The kernel hands packets on in blocks, a block that isn't full after up to a second (tcpdump's buffer timeout), and a tool
 * that is told to end leaves the last blocks behind.
 */
const DRAIN_MS = 1_200;
/** From there on the child has this long to end. */
const STOP_GRACE_MS = 3_000;

/** Starts capturing. Failures come out of `ended`, also that the tool isn't installed. */
export function startLiveCapture(options: LiveCaptureOptions): LiveCapture {
  const child = spawn(options.tool, argumentsOf(options), { stdio: ['ignore', 'pipe', 'pipe'] });
  const messages = collectMessages(child);
  let stopped = false;
  const ready = new Promise<boolean>((resolve) => {
    // Both tools say that they listen when the device is open.
    child.stderr.on('data', () => /listening on|Capturing on|File:/i.test(messages()) && resolve(true));
    child.once('close', () => resolve(false));
    child.once('error', () => resolve(false));
  });
  const ended = new Promise<LiveEnd>((resolve) => {
    child.once('error', (error) => resolve({ failure: notStarted(options, error), droppedPackets: 0 }));
    child.once('close', (code) => {
      const droppedPackets = droppedIn(messages());
      const failure = stopped ? null : endedEarly(options, code, messages());
      resolve({ failure, droppedPackets });
    });
  });
  const stop = (): void => {
    if (stopped) return;
    stopped = true;
    const asked = setTimeout(() => child.kill('SIGINT'), DRAIN_MS);
    const forced = setTimeout(() => child.kill('SIGKILL'), DRAIN_MS + STOP_GRACE_MS);
    void ended.then(() => {
      clearTimeout(asked);
      clearTimeout(forced);
    });
  };
  let listens = false;
  void ready.then((captures) => (listens = captures));
  const askForDrops = (): void => {
    if (listens && !stopped && options.tool === 'tcpdump') child.kill('SIGUSR1');
  };
  const droppedPackets = (): number => droppedIn(messages());
  return { chunks: chunksOf(child.stdout), ready, ended, droppedPackets, askForDrops, stop };
}

function argumentsOf(options: LiveCaptureOptions): string[] {
  const { interface: device, filter, kernelBufferBytes, snapLengthBytes } = options;
  if (options.tool === 'tcpdump') {
    const bufferKib = String(Math.ceil(kernelBufferBytes / 1024));
    const flags = ['-i', device, '-n', '-U', '-B', bufferKib, '-s', String(snapLengthBytes), '-w', '-'];
    return filter === '' ? flags : [...flags, '--', filter];
  }
  const bufferMib = String(Math.max(1, Math.ceil(kernelBufferBytes / 1024 / 1024)));
  const flags = ['-i', device, '-q', '-P', '-B', bufferMib, '-s', String(snapLengthBytes), '-w', '-'];
  return filter === '' ? flags : [...flags, '-f', filter];
}

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** The beginning and the end of what the tool says: the counts come last. */
function collectMessages(child: Child): () => string {
  let text = '';
  child.stderr.setEncoding('utf8');
  child.stderr.on('data', (part: string) => {
    text += part;
    if (text.length > MESSAGES_MAX) text = text.slice(0, MESSAGES_MAX / 4) + text.slice((-MESSAGES_MAX * 3) / 4);
  });
  return () => text;
}

async function* chunksOf(stdout: Readable): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of stdout) yield chunk as Buffer;
  } catch {
    // A pipe that breaks ends the capture; `ended` tells why.
  }
}

/** The last counts. tcpdump: "12 packets dropped by kernel"; dumpcap: "Packets received/dropped on interface 'lo': 100/12 (…)". */
export function droppedIn(messages: string): number {
  const patterns = [
    /(\d+) packets? dropped by kernel/g,
    /(\d+) packets? dropped by interface/g,
    /received\/dropped on interface[^:]*: \d+\/(\d+)/g,
  ];
  return patterns.reduce((sum, pattern) => sum + Number([...messages.matchAll(pattern)].at(-1)?.[1] ?? 0), 0);
}

function notStarted(options: LiveCaptureOptions, error: Error): BitternError {
  return new BitternError(
    'BIT_LIVE_NOT_STARTED',
    `${options.tool} can't be started (${error.message}); install it, or choose the other tool (tcpdump, dumpcap).`,
    { cause: error },
  );
}

function endedEarly(options: LiveCaptureOptions, code: number | null, messages: string): BitternError {
  const said = messages
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^(tcpdump: )?(data link type|listening on)/i.test(line))
    .slice(0, 3)
    .join(' ');
  return new BitternError(
    'BIT_LIVE_ENDED',
    `${options.tool} on ${options.interface} ended by itself (exit code ${code ?? 'none'}): ${said || 'it said nothing'}. Check the interface, the filter and the right to capture.`,
  );
}

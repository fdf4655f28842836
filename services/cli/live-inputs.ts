/** Where a live capture's bytes come from: interfaces, standard input, or captures that are being written. */
import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { followCaptures, openCaptureFile, startLiveCapture } from '../../mirror/index.ts';
import type { Pump } from '../capture/pump.ts';
import type { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { Restarts } from './restarts.ts';

/** How often tcpdump is asked for the packets that the kernel dropped. */
const DROPS_MS = 10_000;
/** After a stop, standard input has this long to hand on what is on its way. */
const INPUT_DRAIN_MS = 1_200;

export interface InputContext {
  readonly config: Config;
  readonly pump: Pump;
  /** The capture is to end. */
  readonly ending: AbortSignal;
  /** Lets one step happen after the other. */
  take<T>(step: () => Promise<T>): Promise<T>;
  /** It captures now. */
  onReady(): void;
  onBytes(bytes: number): void;
}

export interface InputEnd {
  readonly droppedPackets: number;
  /** Why it ended by itself before it was stopped; null when it was stopped, or its input ended. */
  readonly failure: BitternError | null;
}

/** Runs until its end. Never rejects for what the tool does. */
export type LiveInput = (context: InputContext) => Promise<InputEnd>;

export function inputsOf(config: Config, source: string | undefined): readonly LiveInput[] {
  if (source === '-') return [standardInput];
  if (source !== undefined) return [followed(source)];
  return interfacesOf(config).map(networkInterface);
}

/** The setting may name several, with commas between. */
export function interfacesOf(config: Config): readonly string[] {
  return config.capture.interface
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

/** A tool that ends by itself after it has captured is started again, a bounded number of times. */
function networkInterface(device: string): LiveInput {
  return async (context) => {
    const restarts = new Restarts();
    let droppedPackets = 0;
    for (;;) {
      const run = await runTool(device, context);
      droppedPackets += run.droppedPackets;
      const { failure } = run;
      if (failure === null || context.ending.aborted || run.ranMs === null) return { droppedPackets, failure };
      const delay = restarts.delayAfter(run.ranMs);
      if (delay === null) return { droppedPackets, failure };
      await context.take(async () => context.pump.outage(`${failure.message} It is started again after ${delay} ms.`));
      await sleep(delay, undefined, { signal: context.ending }).catch(() => {});
      if (context.ending.aborted) return { droppedPackets, failure: null };
    }
  };
}

interface Run extends InputEnd {
  /** How long it captured; null: it never did. */
  readonly ranMs: number | null;
}

async function runTool(device: string, { config, pump, ending, take, onReady, onBytes }: InputContext): Promise<Run> {
  const live = startLiveCapture({ ...config.capture, interface: device });
  const stop = (): void => live.stop();
  ending.addEventListener('abort', stop, { once: true });
  if (ending.aborted) stop();
  let readyAt: number | null = null;
  void live.ready.then((captures) => {
    if (!captures) return;
    readyAt = performance.now();
    onReady();
  });
  let counted = 0;
  const count = (dropped: number): void => {
    pump.kernelDrops(Math.max(0, dropped - counted));
    counted = Math.max(counted, dropped);
  };
  const asker = setInterval(() => {
    count(live.droppedPackets());
    live.askForDrops();
  }, DROPS_MS);
  const stream = pump.open(`live:${device}`);
  try {
    for await (const chunk of live.chunks) {
      onBytes(chunk.length);
      await take(() => stream.write(chunk));
    }
    const { failure, droppedPackets } = await live.ended;
    stream.end();
    count(droppedPackets);
    const ranMs = readyAt === null ? null : performance.now() - readyAt;
    return { failure, droppedPackets: counted, ranMs };
  } finally {
    clearInterval(asker);
    ending.removeEventListener('abort', stop);
    live.stop();
  }
}

async function standardInput({ pump, ending, take, onReady, onBytes }: InputContext): Promise<InputEnd> {
  const opened = await openCaptureFile('-');
  onReady();
  const stream = pump.open('standard input');
  let timer: NodeJS.Timeout | undefined;
  // What was sent before the stop is on its way through pipes; nobody says when the last of it is here.
  const drain = (): void => {
    timer = setTimeout(() => opened.close(), INPUT_DRAIN_MS);
  };
  ending.addEventListener('abort', drain, { once: true });
  if (ending.aborted) drain();
  for await (const chunk of opened.chunks) {
    onBytes(chunk.length);
    await take(() => stream.write(chunk));
  }
  clearTimeout(timer);
  stream.end();
  const damage = ending.aborted ? null : opened.damage();
  if (damage !== null) pump.damaged(damage);
  return { droppedPackets: 0, failure: null };
}

function followed(source: string): LiveInput {
  return async ({ pump, ending, take, onReady, onBytes }) => {
    const isFolder = await stat(source).then(
      (info) => info.isDirectory(),
      () => false,
    );
    onReady();
    let stream: ReturnType<Pump['open']> | null = null;
    for await (const { path, chunk } of followCaptures(source, isFolder, ending)) {
      if (chunk === null) {
        stream?.end();
        stream = null;
        continue;
      }
      const current = (stream ??= pump.open(path));
      onBytes(chunk.length);
      await take(() => current.write(chunk));
    }
    stream?.end();
    return { droppedPackets: 0, failure: null };
  };
}

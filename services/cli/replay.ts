/** Replays capture files through all stages into a store. */
import { stat } from 'node:fs/promises';
import { capturesIn, type OpenedCapture, openCaptureFile } from '../../mirror/index.ts';
import type { ProbeReport } from '../../schemas/frame.ts';
import { Pump } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { captureOptions } from './runtime.ts';
import { type CaptureTarget, withTarget } from './target.ts';
import { ProgressBar } from './terminal/progress.ts';

export interface ReplayResult {
  readonly reports: readonly ProbeReport[];
  /** Null when the frames went to Kafka. */
  readonly sink: SinkStats | null;
  readonly elapsedMs: number;
  /** False when the signal stopped it before the files' end. */
  readonly complete: boolean;
}

export interface ReplayOptions {
  readonly config: Config;
  readonly files: readonly string[];
  readonly signal: AbortSignal;
  /** The files are of several probes that saw the same traffic: each is a capture of its own, and they are read side by side. */
  readonly mirrors?: boolean;
  /** Opened when all files can be read; closed at the end. */
  readonly openTarget: () => Promise<CaptureTarget>;
}

/**
 * Resolves when everything is stored and can be queried (or is durable on Kafka). The files are one capture in the order
 * given: connections may go on from one to the next.
 * @throws BitternError when a file can't be opened; nothing is stored then
 */
export async function replayFiles(options: ReplayOptions): Promise<ReplayResult> {
  const started = performance.now();
  const files = await allFiles(options.files);
  const progress = new ProgressBar(await totalSize(files));
  try {
    return await withTarget(await options.openTarget(), async (target) => {
      const pumpAll = options.mirrors === true ? pumpMirrors : pumpFiles;
      const reports = await pumpAll(options, files, target, progress);
      await target.finish(inAll(reports, options.files));
      const elapsedMs = performance.now() - started;
      return { reports, sink: target.stored, elapsedMs, complete: !options.signal.aborted };
    });
  } finally {
    progress.end();
  }
}

async function pumpFiles(
  { config, signal }: ReplayOptions,
  files: readonly string[],
  target: CaptureTarget,
  progress: ProgressBar,
): Promise<ProbeReport[]> {
  const pump = new Pump(captureOptions(config), target);
  const reports: ProbeReport[] = [];
  let bytesBefore = 0;
  for (const [index, path] of files.entries()) {
    if (signal.aborted) break;
    const file = await openCaptureFile(path);
    pump.nextSource(path);
    for await (const chunk of file.chunks) {
      await pump.write(chunk);
      progress.update(bytesBefore + file.readBytes(), target.progress());
      if (signal.aborted || target.failed.aborted) break;
    }
    bytesBefore += file.readBytes();
    file.close();
    const damage = file.damage();
    if (damage !== null) pump.damaged(damage);
    if (index === files.length - 1 || signal.aborted) await pump.end(signal.aborted ? 'stopped' : 'eof');
    reports.push(await pump.report());
  }
  return reports;
}

/** Reads on in the file whose clock is behind the others', so that none runs far ahead of what another one saw, too. */
async function pumpMirrors(
  { config, signal }: ReplayOptions,
  files: readonly string[],
  target: CaptureTarget,
  progress: ProgressBar,
): Promise<ProbeReport[]> {
  const options = captureOptions(config);
  const mirrors: { readonly file: OpenedCapture; readonly pump: Pump; readonly chunks: AsyncIterator<Buffer> }[] = [];
  for (const [index, path] of files.entries()) {
    const file = await openCaptureFile(path);
    const pump = new Pump({ ...options, probe: `${options.probe}-${index + 1}` }, target);
    pump.nextSource(path);
    mirrors.push({ file, pump, chunks: file.chunks[Symbol.asyncIterator]() });
  }
  const reports: ProbeReport[] = [];
  const reading = new Set(mirrors);
  while (reading.size > 0 && !target.failed.aborted) {
    const next = [...reading].reduce((first, each) => (each.pump.clock < first.pump.clock ? each : first));
    const chunk = signal.aborted ? null : await next.chunks.next();
    if (chunk !== null && chunk.done !== true) await next.pump.write(chunk.value);
    else {
      reading.delete(next);
      const damage = next.file.damage();
      if (damage !== null) next.pump.damaged(damage);
      next.file.close();
      await next.pump.end(signal.aborted ? 'stopped' : 'eof');
      reports.push(await next.pump.report());
    }
    progress.update(
      mirrors.reduce((sum, { file }) => sum + file.readBytes(), 0),
      target.progress(),
    );
  }
  return reports;
}

/** The files as one capture. */
function inAll(reports: readonly ProbeReport[], files: readonly string[]): ProbeReport | null {
  const [first] = reports;
  const last = reports.at(-1);
  return first === undefined || last === undefined ? null : { ...last, source: files.join(' '), from: first.from };
}

/** Folders become the captures in them, in their order in time. */
async function allFiles(paths: readonly string[]): Promise<readonly string[]> {
  const files: string[] = [];
  for (const path of paths) {
    const info = path === '-' ? null : await stat(path).catch(() => null);
    if (info?.isDirectory() !== true) files.push(path);
    else files.push(...(await capturesIn(path)).files);
  }
  if (files.length > 0) return files;
  throw new BitternError('BIT_CAPTURE_EMPTY', `There is no capture in ${paths.join(', ')}; give pcap or pcapng files.`);
}

/** Looks at each file, so that one that can't be read is told before any is. Standard input can't be looked at: null. */
async function totalSize(files: readonly string[]): Promise<number | null> {
  let total: number | null = 0;
  for (const file of files) {
    if (file === '-') {
      total = null;
      continue;
    }
    const opened = await openCaptureFile(file);
    opened.close();
    total = total === null || opened.sizeBytes === null ? null : total + opened.sizeBytes;
  }
  return total;
}

/** Replays capture files through all stages into a store. */
import { openCaptureFile } from '../../mirror/index.ts';
import type { ProbeReport } from '../../schemas/frame.ts';
import { Pump } from '../capture/pump.ts';
import type { SinkStats } from '../clickhouse/sink.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Config } from '../config/schema.ts';
import { captureOptions, createSink, startPipeline } from './runtime.ts';
import { ProgressBar } from './terminal/progress.ts';
import { formatCount } from './terminal/units.ts';

export interface ReplayResult {
  readonly reports: readonly ProbeReport[];
  readonly sink: SinkStats;
  readonly elapsedMs: number;
  /** False when the signal stopped it before the files' end. */
  readonly complete: boolean;
}

export interface ReplayOptions {
  readonly config: Config;
  readonly store: Store;
  readonly files: readonly string[];
  readonly signal: AbortSignal;
}

type CaptureFile = Awaited<ReturnType<typeof openCaptureFile>>;

/**
 * Resolves when everything is stored and can be queried. The files are one capture in the order given: connections may go
 * on from one to the next.
 * @throws BitternError when a file can't be opened; nothing is stored then
 */
export async function replayFiles(options: ReplayOptions): Promise<ReplayResult> {
  const { config, store, files, signal } = options;
  const started = performance.now();
  const opened: CaptureFile[] = [];
  for (const file of files) opened.push(await openCaptureFile(file));
  const sink = createSink(config, store);
  const pipeline = await startPipeline(config, sink);
  const pump = new Pump(captureOptions(config), pipeline);
  const reports: ProbeReport[] = [];
  const progress = new ProgressBar(totalSize(opened));
  let bytesBefore = 0;
  try {
    for (const [index, file] of opened.entries()) {
      if (signal.aborted) break;
      pump.nextSource(files[index] ?? '');
      for await (const chunk of file.chunks) {
        await Promise.race([pump.write(chunk), pipeline.failed]);
        progress.update(bytesBefore + file.readBytes(), `${formatCount(pipeline.reassembler.counts.calls)} calls`);
        if (signal.aborted) break;
      }
      bytesBefore += file.readBytes();
      const damage = file.damage();
      if (damage !== null) pump.damaged(damage);
      if (index === opened.length - 1 || signal.aborted) await pump.end(signal.aborted ? 'stopped' : 'eof');
      reports.push(await pump.report());
    }
    await pipeline.drain(true);
    const [first] = reports;
    const last = reports.at(-1);
    if (first !== undefined && last !== undefined)
      await pipeline.reportLosses({ ...last, source: files.join(' '), from: first.from });
  } finally {
    progress.end();
    await pipeline.close();
  }
  await sink.close();
  return { reports, sink: sink.stats, elapsedMs: performance.now() - started, complete: !signal.aborted };
}

function totalSize(files: readonly CaptureFile[]): number | null {
  let total = 0;
  for (const { sizeBytes } of files) {
    if (sizeBytes === null) return null;
    total += sizeBytes;
  }
  return total;
}

/** Runs a capture through all stages into memory, and shows calls as rows of `calls` for the comparer. */
import { CAPTURE_DEFAULTS, type CaptureOptions } from '../../mirror/index.ts';
import type { Call, Content, ExchangeRow, Observation } from '../../schemas/call.ts';
import type { ProbeReport } from '../../schemas/frame.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import { MEMORY_BUS_DEFAULTS } from '../../services/bus/memory-bus.ts';
import { Pump } from '../../services/capture/pump.ts';
import { joinRequest } from '../../services/clickhouse/queries.ts';
import type { ContentHash } from '../../services/common/types.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { IDENTITY_DEFAULTS } from '../../services/identity/mapping.ts';
import { LLM_DEFAULTS } from '../../services/llm/defaults.ts';
import { Pipeline, type PipelineSink } from '../../services/pipeline/pipeline.ts';
import type { Row } from '../compare.ts';

const KEY = Buffer.from('a key that only tests know');

export interface Observed {
  readonly calls: readonly Call[];
  readonly exchanges: readonly ExchangeRow[];
  readonly executions: readonly ToolExecution[];
  readonly contents: ReadonlyMap<ContentHash, Content>;
  readonly reports: readonly ProbeReport[];
}

export interface ObserveOptions {
  /** Bytes handed to the probe at once. */
  readonly chunkBytes?: number;
  /** Values pass through their codecs between the stages, as over a broker. */
  readonly serialize?: boolean;
  readonly capture?: Partial<CaptureOptions>;
  /** Threads that the reassembler is spread over. */
  readonly workers?: number;
}

class MemorySink implements PipelineSink {
  readonly calls: Call[] = [];
  readonly exchanges: ExchangeRow[] = [];
  readonly executions: ToolExecution[] = [];
  readonly contents = new Map<ContentHash, Content>();
  readonly reports: ProbeReport[] = [];

  async add(observations: readonly Observation[]): Promise<void> {
    for (const observation of observations) {
      if (observation.type === 'exchange') {
        this.exchanges.push(observation.exchange);
        continue;
      }
      if (observation.type === 'call') this.calls.push(observation.call);
      else this.executions.push(observation.execution);
      for (const content of observation.contents) this.contents.set(content.hash, content);
    }
  }

  async addReport(report: ProbeReport): Promise<void> {
    this.reports.push(report);
  }

  async addLosses(): Promise<void> {}

  async flush(): Promise<void> {}
}

/** `pcap`: a whole capture file, uncompressed. */
export async function observeCapture(pcap: Buffer, options: ObserveOptions = {}): Promise<Observed> {
  const sink = new MemorySink();
  const pipeline = await Pipeline.start(
    {
      bus: { ...MEMORY_BUS_DEFAULTS, serialize: options.serialize ?? false },
      reassembler: {
        http: HTTP_DEFAULTS,
        llm: { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: true, limits: LLM_DEFAULTS },
      },
      workers: options.workers ?? 0,
    },
    KEY,
    sink,
  );
  const pump = new Pump({ ...CAPTURE_DEFAULTS, ...options.capture }, pipeline);
  const chunkBytes = options.chunkBytes ?? 65_536;
  pump.nextSource('memory');
  for (let at = 0; at < pcap.length; at += chunkBytes) await pump.write(pcap.subarray(at, at + chunkBytes));
  await pump.end('eof');
  await pump.report();
  await pipeline.drain(true);
  await pipeline.close();
  return sink;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]|(?<=[a-z])\d/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Calls as rows of `calls`, with `request_json`: the request put together again from its parts. */
export function rowsOf(observed: Observed): Row[] {
  return observed.calls.map((call) => {
    const row: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(call)) row[snakeCase(name)] = value;
    if (call.requestSkeleton !== '')
      row.request_json = joinRequest(call.requestSkeleton, call.requestParts, observed.contents);
    return row;
  });
}

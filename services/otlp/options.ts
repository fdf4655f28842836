/** What the exporter can be told. Each default stands here. */

import type { Encoding } from './encoding.ts';

export interface OtlpOptions {
  /** Base URL of a receiver of OTLP over HTTP; `/v1/traces` and so on are put behind it. */
  readonly endpoint: string;
  readonly encoding: Encoding;
  /** Its position is kept under this name. */
  readonly name: string;
  readonly traces: boolean;
  readonly metrics: boolean;
  readonly logs: boolean;
  /** Send text of the traffic: beginnings of prompts and answers, arguments and results of tools. */
  readonly content: boolean;
  /** Begin with all that is stored, not with what is stored from the first start on. */
  readonly backfill: boolean;
  readonly pollMs: number;
  /** For so long after it was stored, a row waits for the tracker to put it into its place. */
  readonly settleMs: number;
  /** A turn that waits for tools, or a tool call without a result, is sent when it was quiet for so long; later again. */
  readonly quietMs: number;
  /** Spans or logs of one request. */
  readonly batchMax: number;
  /** Metrics are summed up over so long. */
  readonly metricsMs: number;
  readonly temporality: 'cumulative' | 'delta';
  readonly timeoutMs: number;
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
  /** A receiver that refuses whatever is sent is tried again so often. */
  readonly refusedDelayMs: number;
}

export const OTLP_DEFAULTS: OtlpOptions = {
  endpoint: '',
  encoding: 'protobuf',
  name: 'default',
  traces: true,
  metrics: true,
  logs: true,
  content: false,
  backfill: false,
  pollMs: 1000,
  settleMs: 5000,
  quietMs: 300_000,
  batchMax: 500,
  metricsMs: 60_000,
  temporality: 'cumulative',
  timeoutMs: 30_000,
  retryDelayMs: 1000,
  retryDelayMsMax: 60_000,
  refusedDelayMs: 300_000,
};

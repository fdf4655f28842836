/** What goes to OpenTelemetry backends. */

import { z } from 'zod';
import { ENCODINGS } from '../../otlp/encoding.ts';
import { OTLP_DEFAULTS } from '../../otlp/options.ts';
import { DAY_MS, flag, text, whole } from '../fields.ts';

export const otlp = z
  .strictObject({
    endpoint: z
      .string()
      .regex(/^$|^https?:\/\/[^@\s?#]+$/, 'must be an http or https URL without user, password and query')
      .default(OTLP_DEFAULTS.endpoint)
      .describe(
        'Receiver of OTLP over HTTP, such as http://collector:4318; /v1/traces, /v1/metrics and /v1/logs are put behind it. `bittern up` sends there what is stored. Empty: nothing is sent.',
      ),
    encoding: z
      .enum(ENCODINGS)
      .default(OTLP_DEFAULTS.encoding)
      .describe('How requests are written: protobuf, which every receiver of OTLP over HTTP takes, or json.'),
    name: text(
      OTLP_DEFAULTS.name,
      'Name under which ClickHouse keeps how far this exporter has come; another for another receiver.',
    ),
    traces: flag(OTLP_DEFAULTS.traces, 'Send turns, calls and tool calls as spans.'),
    metrics: flag(OTLP_DEFAULTS.metrics, 'Send histograms of tokens, durations and times to first token.'),
    logs: flag(OTLP_DEFAULTS.logs, 'Send findings as log events.'),
    content: flag(
      OTLP_DEFAULTS.content,
      'Send text of the traffic as well: beginnings of prompts and answers, arguments and results of tools.',
    ),
    backfill: flag(
      OTLP_DEFAULTS.backfill,
      'The first time, begin with all that is stored instead of what is stored from then on.',
    ),
    headersFile: text('', 'File with headers for the receiver, one `name: value` a line; credentials belong there.'),
    headersVariable: text(
      '',
      'Environment variable with these headers, `name=value` separated by commas, when there is no file; such as OTEL_EXPORTER_OTLP_HEADERS.',
    ),
    tlsCaFile: text(
      '',
      "PEM file of the authority that signed the receiver's certificate. Empty: the system's authorities.",
    ),
    pollMs: whole(50, 600_000, OTLP_DEFAULTS.pollMs, 'How often it looks for what was stored.'),
    settleMs: whole(
      0,
      600_000,
      OTLP_DEFAULTS.settleMs,
      'A row is sent so long after it was stored: the tracker may yet move a call to another turn.',
    ),
    quietMs: whole(
      0,
      DAY_MS,
      OTLP_DEFAULTS.quietMs,
      'A turn that waits for tools, and a tool call without a result, is sent when it has been quiet for so long. When it goes on, it is sent again under the same id.',
    ),
    batchMax: whole(1, 1000, OTLP_DEFAULTS.batchMax, 'Spans or log events of one request.'),
    metricsMs: whole(1000, 3_600_000, OTLP_DEFAULTS.metricsMs, 'Histograms are sent for windows of this length.'),
    temporality: z
      .enum(['cumulative', 'delta'])
      .default(OTLP_DEFAULTS.temporality)
      .describe('Of histograms: cumulative (since the start, for Prometheus) or delta (of each window).'),
    timeoutMs: whole(100, 600_000, OTLP_DEFAULTS.timeoutMs, 'Longest wait for the answer to a request.'),
    retryDelayMs: whole(
      1,
      600_000,
      OTLP_DEFAULTS.retryDelayMs,
      'First wait before a request is sent again; doubled each time. Retry-After of the receiver counts more.',
    ),
    retryDelayMsMax: whole(
      1,
      3_600_000,
      OTLP_DEFAULTS.retryDelayMsMax,
      'Longest such wait. It is sent until it succeeds.',
    ),
    refusedDelayMs: whole(
      1000,
      3_600_000,
      OTLP_DEFAULTS.refusedDelayMs,
      'A receiver that refuses whatever is sent (401, 404, 415 and the like) is told in the log, and tried again so often. The data waits meanwhile.',
    ),
  })
  .prefault({})
  .describe('OpenTelemetry: spans, metrics and findings over OTLP (docs/opentelemetry.md).');

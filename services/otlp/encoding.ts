/** How requests are written: the same objects as JSON or as protobuf. */
import type { Signal } from './messages.ts';
import { toProtobuf } from './protobuf.ts';

export const ENCODINGS = ['protobuf', 'json'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Specification of OTLP, "Binary Protobuf Encoding" and "JSON Protobuf Encoding". */
export const CONTENT_TYPES: Readonly<Record<Encoding, string>> = {
  protobuf: 'application/x-protobuf',
  json: 'application/json',
};

export function encodeRequest(encoding: Encoding, signal: Signal, request: object): Buffer {
  return encoding === 'json' ? Buffer.from(JSON.stringify(request)) : toProtobuf(signal, request);
}

/** A request that carries nothing: "the server SHOULD respond with success" (specification, "OTLP/HTTP Response"). */
export function emptyRequest(encoding: Encoding, signal: Signal): Buffer {
  const field = { traces: 'resourceSpans', metrics: 'resourceMetrics', logs: 'resourceLogs' }[signal];
  return encodeRequest(encoding, signal, { [field]: [] });
}

/**
 * Spans as OTLP/JSON. The encoding is protobuf's JSON mapping with OTLP's own rules (opentelemetry-proto, docs/specification.md, "JSON
 * Protobuf Encoding"): ids are hex, enums are numbers, 64-bit integers are texts.
 */
import { type AttributeType, attributeTypes, MAPPING_VERSION, SCOPE_NAME, type SpanKindName } from './mapping.ts';

export type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly arrayValue: { readonly values: readonly AnyValue[] } };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** A row of `otel_traces`, as far as it is sent; times as text, since nanoseconds don't fit a number. */
export interface SpanRow {
  readonly kind: SpanKindName;
  readonly startNanos: string;
  readonly endNanos: string;
  readonly TraceId: string;
  readonly SpanId: string;
  readonly ParentSpanId: string;
  readonly SpanName: string;
  readonly SpanKind: string;
  readonly ResourceAttributes: Readonly<Record<string, string>>;
  readonly SpanAttributes: Readonly<Record<string, string>>;
  readonly StatusCode: string;
  readonly StatusMessage: string;
  readonly linkTraces: readonly string[];
  readonly linkSpans: readonly string[];
}

const KINDS: Readonly<Record<string, number>> = { Internal: 1, Server: 2, Client: 3 };
const STATUS: Readonly<Record<string, number>> = { Unset: 0, Ok: 1, Error: 2 };
export const SCOPE = { name: SCOPE_NAME, version: MAPPING_VERSION };

export const stringValue = (text: string): AnyValue => ({ stringValue: text });

function typedValue(text: string, type: AttributeType): AnyValue {
  switch (type) {
    case 'int':
      return { intValue: text };
    case 'double':
      return { doubleValue: Number(text) };
    case 'bool':
      return { boolValue: text === 'true' };
    case 'strings':
      return { arrayValue: { values: (JSON.parse(text) as string[]).map(stringValue) } };
    case 'string':
      return stringValue(text);
  }
}

const TYPES: Readonly<Record<SpanKindName, ReadonlyMap<string, AttributeType>>> = {
  turn: attributeTypes('turn'),
  call: attributeTypes('call'),
  tool: attributeTypes('tool'),
};

export function textAttributes(texts: Readonly<Record<string, string>>): KeyValue[] {
  return Object.entries(texts).map(([key, text]) => ({ key, value: stringValue(text) }));
}

function spanOf(row: SpanRow): object {
  const types = TYPES[row.kind];
  return {
    traceId: row.TraceId,
    spanId: row.SpanId,
    ...(row.ParentSpanId === '' ? {} : { parentSpanId: row.ParentSpanId }),
    name: row.SpanName,
    kind: KINDS[row.SpanKind],
    startTimeUnixNano: row.startNanos,
    endTimeUnixNano: row.endNanos,
    attributes: Object.entries(row.SpanAttributes).map(([key, text]) => ({
      key,
      value: typedValue(text, types.get(key) ?? 'string'),
    })),
    ...(row.linkTraces.length === 0
      ? {}
      : { links: row.linkTraces.map((traceId, i) => ({ traceId, spanId: row.linkSpans[i] })) }),
    status: {
      code: STATUS[row.StatusCode],
      ...(row.StatusMessage === '' ? {} : { message: row.StatusMessage }),
    },
  };
}

/** Groups by resource: rows of one service go under one. */
export function byResource<T>(
  rows: readonly T[],
  service: (row: T) => string,
): readonly (readonly [service: string, rows: readonly T[]])[] {
  return [...Map.groupBy(rows, service)];
}

export const resourceOf = (service: string): object => ({
  attributes: textAttributes({ 'service.name': service }),
});

/** Body of a request to /v1/traces. */
export function encodeSpans(rows: readonly SpanRow[]): object {
  const groups = byResource(rows, (row) => row.ResourceAttributes['service.name'] ?? '');
  return {
    resourceSpans: groups.map(([service, spans]) => ({
      resource: resourceOf(service),
      scopeSpans: [{ scope: SCOPE, spans: spans.map(spanOf) }],
    })),
  };
}

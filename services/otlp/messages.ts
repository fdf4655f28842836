/**
 * The messages of OTLP that we send, as far as we fill them: numbers and types of their fields by their names in JSON. From the files of
 * opentelemetry-proto (opentelemetry/proto/…): collector/{trace,metrics,logs}/v1/*_service.proto, {trace,metrics,logs,resource,common}/v1/*.proto.
 */

export type Signal = 'traces' | 'metrics' | 'logs';

export type Field =
  | { readonly number: number; readonly type: 'message'; readonly message: () => Message; readonly packed?: false }
  | {
      readonly number: number;
      /** varint: int64, uint32, bool, enums. fixed64: of texts. hex: bytes that are hex in JSON. key: a text that comes again and again. */
      readonly type: 'string' | 'key' | 'hex' | 'varint' | 'fixed64' | 'double';
      readonly packed?: boolean;
    };

export type Message = ReadonlyMap<string, Field>;

const message = (fields: Readonly<Record<string, Field>>): Message => new Map(Object.entries(fields));
const of = (number: number, name: () => Message): Field => ({ number, type: 'message', message: name });
const string = (number: number): Field => ({ number, type: 'string' });
const hex = (number: number): Field => ({ number, type: 'hex' });
const varint = (number: number): Field => ({ number, type: 'varint' });
const fixed64 = (number: number): Field => ({ number, type: 'fixed64' });
const double = (number: number): Field => ({ number, type: 'double' });
const packed = (field: Field): Field => ({ ...field, packed: true }) as Field;

// common.proto, resource.proto

const ANY_VALUE: Message = message({
  stringValue: string(1),
  boolValue: varint(2),
  intValue: varint(3),
  doubleValue: double(4),
  arrayValue: of(5, () => ARRAY_VALUE),
});
const ARRAY_VALUE: Message = message({ values: of(1, () => ANY_VALUE) });
const KEY_VALUE = message({ key: { number: 1, type: 'key' }, value: of(2, () => ANY_VALUE) });
const SCOPE = message({ name: string(1), version: string(2) });
const RESOURCE = message({ attributes: of(1, () => KEY_VALUE) });

// trace.proto

const LINK = message({ traceId: hex(1), spanId: hex(2) });
const STATUS = message({ message: string(2), code: varint(3) });
const SPAN = message({
  traceId: hex(1),
  spanId: hex(2),
  parentSpanId: hex(4),
  name: string(5),
  kind: varint(6),
  startTimeUnixNano: fixed64(7),
  endTimeUnixNano: fixed64(8),
  attributes: of(9, () => KEY_VALUE),
  links: of(13, () => LINK),
  status: of(15, () => STATUS),
});
const SCOPE_SPANS = message({ scope: of(1, () => SCOPE), spans: of(2, () => SPAN) });
const RESOURCE_SPANS = message({ resource: of(1, () => RESOURCE), scopeSpans: of(2, () => SCOPE_SPANS) });

// metrics.proto

const HISTOGRAM_POINT = message({
  startTimeUnixNano: fixed64(2),
  timeUnixNano: fixed64(3),
  count: fixed64(4),
  sum: double(5),
  bucketCounts: packed(fixed64(6)),
  explicitBounds: packed(double(7)),
  attributes: of(9, () => KEY_VALUE),
});
const HISTOGRAM = message({ dataPoints: of(1, () => HISTOGRAM_POINT), aggregationTemporality: varint(2) });
const METRIC = message({ name: string(1), description: string(2), unit: string(3), histogram: of(9, () => HISTOGRAM) });
const SCOPE_METRICS = message({ scope: of(1, () => SCOPE), metrics: of(2, () => METRIC) });
const RESOURCE_METRICS = message({ resource: of(1, () => RESOURCE), scopeMetrics: of(2, () => SCOPE_METRICS) });

// logs.proto

const LOG_RECORD = message({
  timeUnixNano: fixed64(1),
  severityNumber: varint(2),
  severityText: string(3),
  body: of(5, () => ANY_VALUE),
  attributes: of(6, () => KEY_VALUE),
  traceId: hex(9),
  spanId: hex(10),
  observedTimeUnixNano: fixed64(11),
  eventName: string(12),
});
const SCOPE_LOGS = message({ scope: of(1, () => SCOPE), logRecords: of(2, () => LOG_RECORD) });
const RESOURCE_LOGS = message({ resource: of(1, () => RESOURCE), scopeLogs: of(2, () => SCOPE_LOGS) });

/** Export{Trace,Metrics,Logs}ServiceRequest. */
export const REQUESTS: Readonly<Record<Signal, Message>> = {
  traces: message({ resourceSpans: of(1, () => RESOURCE_SPANS) }),
  metrics: message({ resourceMetrics: of(1, () => RESOURCE_METRICS) }),
  logs: message({ resourceLogs: of(1, () => RESOURCE_LOGS) }),
};

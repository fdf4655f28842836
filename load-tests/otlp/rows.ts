/** Spans as the exporter reads them, without a store: every attribute filled, in the shares that agents' traffic has. */
import { createHash } from 'node:crypto';
import type { SpanRow } from '../../services/otlp/encode.ts';
import { type AttributeType, SPAN_MAPPINGS, type SpanKindName } from '../../services/otlp/mapping.ts';

const START_NANOS = 1_790_000_000_000_000_000n;
/** Of ten spans: one turn, five calls, four tools. */
const KINDS: readonly SpanKindName[] = ['turn', ...Array(5).fill('call'), ...Array(4).fill('tool')];

const id = (text: string, length: number): string => createHash('sha256').update(text).digest('hex').slice(0, length);

function textOf(key: string, type: AttributeType, i: number): string {
  switch (type) {
    case 'int':
      return String((i * 7919) % 200_000);
    case 'double':
      return String(((i * 7919) % 100_000) / 1000);
    case 'bool':
      return String(i % 2 === 0);
    case 'strings':
      return '["end_turn"]';
    case 'string':
      // Ids differ, names repeat.
      return /(id|hash|messages|arguments|result)$/.test(key) ? id(`${key}${i}`, 32) : `${key} ${i % 7}`;
  }
}

function rowOf(i: number): SpanRow {
  const kind = KINDS[i % KINDS.length]!;
  const start = START_NANOS + BigInt(i) * 1_234_567n;
  const { attributes, kind: spanKind } = SPAN_MAPPINGS[kind];
  return {
    kind,
    startNanos: String(start),
    endNanos: String(start + 2_500_000_000n),
    TraceId: id(`trace ${Math.floor(i / 10)}`, 32),
    SpanId: id(`span ${i}`, 16),
    ParentSpanId: kind === 'turn' ? '' : id(`span ${i - (i % 10)}`, 16),
    SpanName: `${kind} ${i % 5}`,
    SpanKind: spanKind,
    ResourceAttributes: { 'service.name': `agent-${i % 3}` },
    SpanAttributes: Object.fromEntries(attributes.map(({ key, type }) => [key, textOf(key, type, i)])),
    StatusCode: i % 20 === 0 ? 'Error' : 'Unset',
    StatusMessage: i % 20 === 0 ? 'http_error' : '',
    linkTraces: kind === 'tool' ? [id(`trace ${Math.floor(i / 10)}`, 32)] : [],
    linkSpans: kind === 'tool' ? [id(`span ${i - 1}`, 16)] : [],
  };
}

export function spanRows(count: number): SpanRow[] {
  return Array.from({ length: count }, (_, i) => rowOf(i));
}

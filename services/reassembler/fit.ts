/**
 * Keeps observations below the size of a record that the bus takes, where it has one: Kafka.
 *
 *     call with contents            what fits goes along
 *       too large                   contents go before it, in records of their own: the sink has them when the call comes
 *     a content too large by itself is dropped, and the call is `truncated`
 *     a call too large without any  loses its request's text, then its tools' arguments, and is `truncated`
 *
 * The last two take a body near its limit whose text grows when it is decoded: bytes that aren't UTF-8 become three each.
 */
import type { Call, Content, Observation, ObservationRecord } from '../../schemas/call.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';
import type { Producer } from '../bus/bus.ts';

/** UTF-8 bytes of a UTF-16 code unit, at most. */
const UNIT_BYTES = 3;
/** A field's or array item's length and union branch. */
const FIELD_BYTES = 8;
/** A content's hash and kind. */
const CONTENT_BYTES = 64;

/** Publishes what fits into `bytesMax` each. `note` is told of what had to be left out, a sentence a time. */
export function fittingProducer(
  producer: Producer<ObservationRecord>,
  bytesMax: number,
  note: (line: string) => void,
): Producer<Observation> {
  return {
    publish: async (key, observation, headers) => {
      for (const record of fit(observation, bytesMax, note)) await producer.publish(key, record, headers);
    },
    flush: () => producer.flush(),
  };
}

/** The records to publish, in order; the last one is the observation itself. */
export function fit(
  observation: Observation,
  bytesMax: number,
  note: (line: string) => void = () => {},
): readonly ObservationRecord[] {
  if (observation.type === 'exchange') return [observation];
  const { contents } = observation;
  const facts = observation.type === 'call' ? observation.call : observation.execution;
  if (weigh(facts, boundOf) + sum(contents, boundOf) <= bytesMax) return [observation];
  const dropped = contents.filter((content) => contentBytes(content, Buffer.byteLength) > bytesMax);
  const kept = contents.filter((content) => !dropped.includes(content));
  const fitted: Observation =
    observation.type === 'call'
      ? { ...observation, call: fitCall(observation.call, dropped, bytesMax) }
      : { ...observation, execution: fitExecution(observation.execution, dropped) };
  const left = fitted.type === 'call' ? fitted.call : fitted.execution;
  if (left !== facts)
    note('A call has texts that are too large for a record, even one by one: it is stored without them.');
  const packs = packed(kept, bytesMax, bytesMax - weigh(left, Buffer.byteLength));
  const last = packs.pop() ?? [];
  return [...packs.map((pack) => ({ type: 'contents' as const, contents: pack })), { ...fitted, contents: last }];
}

function fitCall(call: Call, dropped: readonly Content[], bytesMax: number): Call {
  const gone = new Set<string>(dropped.map(({ hash }) => hash));
  let fitted = call;
  const withoutRequest = { requestSkeleton: '', requestParts: [] };
  if (call.requestParts.some((hash) => gone.has(hash))) fitted = { ...fitted, ...withoutRequest };
  if (gone.has(call.responseContent)) fitted = { ...fitted, responseContent: '' };
  if (weigh(fitted, Buffer.byteLength) > bytesMax) fitted = { ...fitted, ...withoutRequest };
  if (weigh(fitted, Buffer.byteLength) > bytesMax)
    fitted = { ...fitted, toolArguments: fitted.toolArguments.map(() => '') };
  return fitted === call || call.completeness !== 'full' ? fitted : { ...fitted, completeness: 'truncated' };
}

function fitExecution(execution: ToolExecution, dropped: readonly Content[]): ToolExecution {
  return dropped.length === 0 ? execution : { ...execution, completeness: 'truncated' };
}

/** In groups of at most `bytesMax`, of which the last has at most `lastMax`; it may be empty. */
function packed(contents: readonly Content[], bytesMax: number, lastMax: number): Content[][] {
  const packs: Content[][] = [[]];
  let bytes = 0;
  for (const content of contents) {
    const more = contentBytes(content, Buffer.byteLength);
    if (bytes + more > bytesMax) {
      packs.push([]);
      bytes = 0;
    }
    packs.at(-1)!.push(content);
    bytes += more;
  }
  if (bytes > lastMax) packs.push([]);
  return packs;
}

function boundOf(text: string): number {
  return text.length * UNIT_BYTES;
}

function contentBytes({ text }: Content, bytesOf: (text: string) => number): number {
  return CONTENT_BYTES + bytesOf(text);
}

function sum(contents: readonly Content[], bytesOf: (text: string) => number): number {
  let bytes = 0;
  for (const content of contents) bytes += contentBytes(content, bytesOf);
  return bytes;
}

/** All texts of a row; numbers are short. */
function weigh(row: Call | ToolExecution, bytesOf: (text: string) => number): number {
  let bytes = 0;
  for (const value of Object.values(row) as unknown[]) {
    bytes += FIELD_BYTES;
    if (typeof value === 'string') bytes += bytesOf(value);
    else if (value !== null && typeof value === 'object')
      for (const item of Object.values(value)) bytes += FIELD_BYTES + (typeof item === 'string' ? bytesOf(item) : 0);
  }
  return bytes;
}

/**
 * What an answer says, by its own content type: a receiver may answer a request in protobuf with JSON.
 *
 *     2xx    Export…ServiceResponse { partial_success = 1 { rejected_… = 1 (int64), error_message = 2 } }
 *     else   google.rpc.Status { code = 1 (int32), message = 2, details = 3 }
 *
 * Only numbers are taken: messages may quote what was sent.
 */
import type { Signal } from './messages.ts';
import type { Answer } from './post.ts';

const PARTIAL: Readonly<Record<Signal, string>> = {
  traces: 'rejectedSpans',
  metrics: 'rejectedDataPoints',
  logs: 'rejectedLogRecords',
};

/** google/rpc/code.proto, by number from 1. */
const RPC_CODES =
  'CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'.split(
    ' ',
  );

/** How many items of a request the receiver did not take though it answered with success. */
export function rejectedOf(signal: Signal, answer: Answer): number {
  const count =
    form(answer) === 'protobuf'
      ? Number(varintAt(bytesAt(answer.body, 1), 1))
      : Number(inJson(answer, (body) => (body.partialSuccess as Fields | undefined)?.[PARTIAL[signal]]) ?? 0);
  return Number.isFinite(count) && count > 0 ? count : 0;
}

/** Name of the code in an error's body; '' when there is none. */
export function rpcCodeOf(answer: Answer): string {
  const code = form(answer) === 'protobuf' ? varintAt(answer.body, 1) : inJson(answer, (body) => body.code);
  return RPC_CODES[Number(code) - 1] ?? '';
}

type Fields = Readonly<Record<string, unknown>>;

function form({ contentType }: Answer): 'protobuf' | 'json' | '' {
  if (/^application\/(x-)?protobuf\b/i.test(contentType)) return 'protobuf';
  return /^application\/json\b/i.test(contentType) ? 'json' : '';
}

/** Some answer with nothing, or with a page. */
function inJson(answer: Answer, read: (body: Fields) => unknown): unknown {
  if (form(answer) !== 'json') return undefined;
  try {
    const body: unknown = JSON.parse(answer.body.toString('utf8'));
    return typeof body === 'object' && body !== null ? read(body as Fields) : undefined;
  } catch {
    return undefined;
  }
}

function varintAt(message: Buffer, number: number): bigint {
  for (const field of fieldsOf(message))
    if (field.number === number && typeof field.value === 'bigint') return field.value;
  return 0n;
}

function bytesAt(message: Buffer, number: number): Buffer {
  for (const field of fieldsOf(message))
    if (field.number === number && Buffer.isBuffer(field.value)) return field.value;
  return Buffer.alloc(0);
}

/** Fields with wire types 0 and 2 (protobuf.dev, "Encoding"); ends where the message is damaged. */
function* fieldsOf(message: Buffer): Generator<{ readonly number: number; readonly value: bigint | Buffer }> {
  let at = 0;
  const varint = (): bigint | null => {
    let value = 0n;
    for (let shift = 0n; shift < 70n && at < message.length; shift += 7n) {
      const byte = message[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return BigInt.asUintN(64, value);
    }
    return null;
  };
  while (at < message.length) {
    const tag = varint();
    if (tag === null) return;
    const number = Number(tag >> 3n);
    const wireType = Number(tag & 7n);
    if (wireType === 1 || wireType === 5) at += wireType === 1 ? 8 : 4;
    else if (wireType === 0 || wireType === 2) {
      const value = varint();
      if (value === null) return;
      if (wireType === 0) yield { number, value };
      else {
        if (value > message.length - at) return;
        yield { number, value: message.subarray(at, at + Number(value)) };
        at += Number(value);
      }
    } else return;
  }
}

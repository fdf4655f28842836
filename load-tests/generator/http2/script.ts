/** What is sent for one exchange on its stream: frames of both sides, and when. */
import { encodedPieces, type MessagePlan, sentBytes, type WireMessage } from '../http-message.ts';
import type { PlannedExchange } from '../planned.ts';
import type { Random } from '../random.ts';
import type { Side } from '../timeline.ts';
import type { HeaderField } from './header-encoder.ts';

export type Part =
  | {
      readonly kind: 'headers';
      readonly fields: readonly HeaderField[];
      readonly last: boolean;
      readonly role: 'head' | 'interim' | 'trailers';
    }
  /** `token`: the content's last byte is the last of the first token, and from `keepFrom` on it must come in one packet. */
  | {
      readonly kind: 'data';
      readonly content: Buffer;
      readonly padding: number;
      readonly last: boolean;
      readonly token: { readonly keepFrom: number } | null;
    }
  | { readonly kind: 'reset'; readonly code: number };

export interface Step {
  readonly side: Side;
  /** µs after the exchange's beginning. */
  readonly at: number;
  readonly part: Part;
}

const NOT_IN_HTTP2: ReadonlySet<string> = new Set(['host', 'connection', 'transfer-encoding']);
const FRAME_BYTES = 16_384;
const CANCEL = 8;
const INTERNAL_ERROR = 2;

function requestFields(plan: MessagePlan, length: number): HeaderField[] {
  const [method, target] = plan.startLine.split(' ');
  const host = plan.headers.find(([name]) => name === 'host')?.[1] ?? '';
  const pseudo: HeaderField[] = [
    [':method', method!],
    [':scheme', 'http'],
    [':authority', host],
    [':path', target!],
  ];
  return [...pseudo, ...fields(plan, length)];
}

function fields(plan: MessagePlan, length: number): HeaderField[] {
  const list: HeaderField[] = plan.headers.filter(([name]) => !NOT_IN_HTTP2.has(name));
  if (plan.coding !== 'identity')
    list.push(['content-encoding', plan.coding === 'raw_deflate' ? 'deflate' : plan.coding]);
  if (plan.framing === 'length') list.push(['content-length', String(length)]);
  return list;
}

/** The body as DATA: pieces as they are planned, long ones in several frames, some of them padded. */
function bodyParts(
  plan: MessagePlan,
  random: Random,
): { readonly at: number; readonly part: Part & { kind: 'data' } }[] {
  const pieces = encodedPieces(plan);
  const parts: { at: number; part: Part & { kind: 'data' } }[] = [];
  let left = sentBytes(plan);
  pieces.forEach(({ bytes, atUs }, index) => {
    const content = bytes.subarray(0, Math.max(0, left));
    left -= bytes.length;
    const isToken = index === plan.tokenPiece && content.length === bytes.length;
    const most = isToken ? FRAME_BYTES : random.pick([FRAME_BYTES, 4096, 900]);
    for (let at = 0; at < content.length; at += most) {
      const own = content.subarray(at, at + most);
      const padding = random.chance(0.05) && own.length < 16_000 ? random.int(1, 255) : 0;
      const ends = isToken && at + most >= content.length;
      const keepFrom = plan.coding === 'identity' ? Math.max(0, own.length - 2) : 0;
      const part = { kind: 'data' as const, content: own, padding, last: false, token: ends ? { keepFrom } : null };
      parts.push({ at: atUs, part });
    }
  });
  return parts;
}

/** `ends`: the message is sent to its end. */
function messageSteps(side: Side, plan: MessagePlan, start: number, ends: boolean, random: Random): Step[] {
  const body = bodyParts(plan, random);
  const length = encodedPieces(plan).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const head = side === 'client' ? requestFields(plan, length) : responseFields(plan, length);
  const headOnly = body.length === 0 && ends;
  const steps: Step[] = [{ side, at: start, part: { kind: 'headers', fields: head, last: headOnly, role: 'head' } }];
  for (const { at, part } of body) steps.push({ side, at: start + at, part });
  const last = steps.at(-1)!;
  if (!ends || headOnly) return steps;
  if (plan.trailers) {
    const trailers: HeaderField[] = [
      ['x-checksum', '1234'],
      ['x-took', '5ms'],
    ];
    steps.push({ side, at: last.at, part: { kind: 'headers', fields: trailers, last: true, role: 'trailers' } });
  } else if (random.chance(0.5) && last.part.kind === 'data') {
    steps[steps.length - 1] = { ...last, part: { ...last.part, last: true } };
  } else {
    const empty = { kind: 'data' as const, content: Buffer.alloc(0), padding: 0, last: true, token: null };
    steps.push({ side, at: last.at + 1, part: empty });
  }
  return steps;
}

function responseFields(plan: MessagePlan, length: number): HeaderField[] {
  return [[':status', plan.startLine.split(' ')[1]!], ...fields(plan, length)];
}

const endOf = (steps: readonly Step[]): number => steps.at(-1)?.at ?? 0;

function planOf({ plan }: WireMessage): MessagePlan {
  if (plan === null) throw new Error('only messages of HTTP can be carried by HTTP/2');
  return plan;
}

export function scriptOf(planned: PlannedExchange, random: Random): Step[] {
  const { ending } = planned;
  const request = planOf(planned.request);
  const answer = planned.response === null ? null : planOf(planned.response);
  const aborted = request.cutAfter >= 0;
  const asked = messageSteps('client', request, 0, !aborted, random);
  const interim = planned.interim.map((text, at): Step => {
    const status: HeaderField = [':status', text.toString('latin1').split(' ')[1]!];
    return {
      side: 'server',
      at: endOf(asked) + 60 + at,
      part: { kind: 'headers', fields: [status], last: false, role: 'interim' },
    };
  });
  const begins = planned.earlyUs ?? endOf(asked) + 200 + planned.thinkUs;
  const whole = answer !== null && answer.cutAfter < 0 && !answer.withoutLastChunk;
  const answered = answer === null ? [] : messageSteps('server', answer, begins, whole, random);
  const end = Math.max(endOf(asked), endOf(answered), endOf(interim)) + random.int(150, 4000);
  const steps = [...asked, ...interim, ...answered];
  if (ending.startsWith('client')) steps.push({ side: 'client', at: end, part: { kind: 'reset', code: CANCEL } });
  if (ending.startsWith('server') && !whole) {
    steps.push({ side: 'server', at: endOf(answered) + 150, part: { kind: 'reset', code: INTERNAL_ERROR } });
  }
  return steps;
}

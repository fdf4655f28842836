/** Frames of every shape, for the contracts' tests. */
import fc from 'fast-check';
import type { ConnectionId } from '../services/common/types.ts';
import type { Frame, Loss, Segment } from './frame.ts';

/** avsc's longs end one below 2^53 − 1. */
export const count = fc.nat({ max: Number.MAX_SAFE_INTEGER - 1 });
const port = fc.nat({ max: 65_535 });
const endpoint = fc.record({ address: fc.oneof(fc.ipV4(), fc.ipV6()), port });
export const lossesOf = (number: fc.Arbitrary<number>): fc.Arbitrary<Loss[]> =>
  fc.array(
    fc.record({
      reason: fc.constantFrom('gap', 'snap', 'memory', 'kernel', 'a_later_reason') as fc.Arbitrary<Loss['reason']>,
      packets: number,
      bytes: number,
    }),
    { maxLength: 3 },
  );
const segmentsOf = (number: fc.Arbitrary<number>): fc.Arbitrary<Segment[]> =>
  fc.array(
    fc.record({
      side: fc.constantFrom('client', 'server'),
      kind: fc.constantFrom('data', 'fin', 'rst'),
      time: number,
      gap: number,
      length: fc.nat({ max: 2 ** 31 - 1 }),
    }),
    { maxLength: 20 },
  );
/** Frames of every shape; `number` is where their counts, offsets and times come from. */
const framesOf = (number: fc.Arbitrary<number>): fc.Arbitrary<Frame> =>
  fc.record({
    connection: fc
      .uint8Array({ minLength: 16, maxLength: 16 })
      .map((id) => Buffer.from(id).toString('hex') as ConnectionId),
    sequence: number,
    network: fc.string(),
    client: endpoint,
    server: endpoint,
    rolesSource: fc.constantFrom('handshake', 'content', 'guess'),
    fromStart: fc.boolean(),
    origin: fc.constantFrom('packets', 'tls', 'tap'),
    probe: fc.string(),
    process: fc.option(fc.record({ pid: fc.nat(), started: number, name: fc.string() })),
    labels: fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
      fc.string({ unit: 'grapheme' }),
      { noNullPrototype: true },
    ),
    clientOffset: number,
    serverOffset: number,
    segments: segmentsOf(number),
    payload: fc.uint8Array({ maxLength: 5000 }).map((bytes) => Buffer.from(bytes)),
    close: fc.option(fc.constantFrom('fin', 'rst', 'idle', 'evicted', 'replaced', 'stopped', 'not_http')),
    losses: lossesOf(number),
  });

/** What a schema's long may hold. */
export const anyFrame = framesOf(count);
/** Whose numbers are those of traffic. */
export const usualFrame = framesOf(fc.nat({ max: 2 ** 52 - 1 }));

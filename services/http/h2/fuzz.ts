/**
 * Fuzzes the frame and header decoders: `node services/http/h2/fuzz.ts [inputs] [seed]`. An input is a valid HTTP/2 conversation
 * that is mutated where it hurts (lengths, types, flags, ids, indexes, single bits), cut anywhere, with gaps. A decoder that
 * throws, hangs, loses count of bytes or holds more than its limits ends it with exit code 1 and the input's number.
 */
import { fileURLToPath } from 'node:url';
import { HttpAssembler } from '../assembler.ts';
import { HTTP_DEFAULTS } from '../options.ts';
import { accounted, framesOf, Recorder, type Step, TEST_MASKER } from '../testing.ts';
import { PREFACE } from './frame.ts';

/** No input is larger than this, and what is held of it may not be much more than it: a few tables and buffers. */
const HELD_BYTES_MAX = 512 * 1024;

export class FuzzRandom {
  #state: number;
  constructor(seed: number) {
    this.#state = Math.imul(seed, 0x9e3779b1) | 1;
  }
  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }
  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let at = 0; at < length; at++) bytes[at] = this.below(256);
    return bytes;
  }
}

function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

const REQUEST = Buffer.from('838684410161400178017a5f0161', 'hex');
const RESPONSE = Buffer.from('88400178017abebe', 'hex');

function conversation(random: FuzzRandom): Step[] {
  const steps: Step[] = [
    { side: 'client', bytes: Buffer.concat([PREFACE, frame(4, 0, 0, Buffer.alloc(6 * random.below(3)))]) },
    { side: 'server', bytes: frame(4, 0, 0, Buffer.from('000100001000', 'hex')) },
  ];
  const count = 1 + random.below(4);
  for (let n = 0; n < count; n++) {
    const id = 1 + 2 * n;
    const block = random.below(3) === 0 ? Buffer.concat([REQUEST, random.bytes(random.below(12))]) : REQUEST;
    steps.push({ side: 'client', bytes: frame(1, random.below(2) === 0 ? 5 : 4, id, block) });
    if (random.below(2) === 0)
      steps.push({ side: 'client', bytes: frame(0, random.below(16), id, random.bytes(random.below(40))) });
    steps.push({
      side: 'server',
      bytes: frame(1, 4 | (random.below(2) * 0x28), id, Buffer.concat([Buffer.alloc(random.below(7)), RESPONSE])),
    });
    steps.push({
      side: 'server',
      bytes: frame(random.below(11), random.below(256), random.below(9), random.bytes(random.below(30))),
    });
    steps.push({ side: 'server', bytes: frame(0, 1, id, random.bytes(random.below(60))) });
  }
  return steps;
}

function mutated(steps: readonly Step[], random: FuzzRandom): Step[] {
  return steps.flatMap((step): Step[] => {
    const bytes = Buffer.from(step.bytes as Buffer);
    for (let times = random.below(3); times > 0 && bytes.length > 0; times--) {
      const at = random.below(4) === 0 ? random.below(bytes.length) : random.below(Math.min(14, bytes.length));
      bytes[at] = random.below(2) === 0 ? bytes[at]! ^ (1 << random.below(8)) : random.below(256);
    }
    if (random.below(12) === 0) return [];
    if (random.below(12) === 0) return [{ ...step, bytes, gap: 1 + random.below(50) }];
    const cut = random.below(bytes.length + 1);
    if (random.below(2) === 0) return [{ ...step, bytes }];
    return [
      { ...step, bytes: bytes.subarray(0, cut) },
      { ...step, bytes: bytes.subarray(cut), gap: random.below(10) === 0 ? random.below(20) : 0 },
    ];
  });
}

/** One input. @throws Error when something doesn't hold. */
export function fuzzOne(seed: number): void {
  const random = new FuzzRandom(seed);
  const frames = framesOf(mutated(conversation(random), random), {
    fromStart: random.below(4) > 0,
    rolesSource: random.below(4) > 0 ? 'handshake' : 'guess',
    stepsPerFrame: 1 + random.below(9),
  });
  const recorder = new Recorder();
  const assembler = new HttpAssembler(HTTP_DEFAULTS, recorder, TEST_MASKER);
  let payload = 0;
  for (const each of frames) {
    assembler.feed(each);
    assembler.resumePoint(each.connection);
    payload += each.payload.length;
    if (assembler.heldBytes > HELD_BYTES_MAX) throw new Error(`${assembler.heldBytes} bytes are held of ${payload}`);
  }
  assembler.end();
  if (recorder.violations.length > 0) throw new Error(recorder.violations.join(', '));
  if (recorder.openCount > 0) throw new Error(`${recorder.openCount} exchanges never ended`);
  if (accounted(assembler.stats) !== payload)
    throw new Error(`${accounted(assembler.stats)} of ${payload} bytes are told`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [inputs, first] = [Number(process.argv[2] ?? 10_000_000), Number(process.argv[3] ?? 1)];
  const began = performance.now();
  for (let seed = first; seed < first + inputs; seed++) {
    try {
      fuzzOne(seed);
    } catch (error) {
      console.error(`Input ${seed}:`, error);
      process.exit(1);
    }
    if ((seed - first) % 100_000 === 99_999)
      console.log(`${seed - first + 1} inputs, ${(process.memoryUsage().rss / 1e6).toFixed(0)} MB`);
  }
  console.log(`${inputs} inputs in ${((performance.now() - began) / 1000).toFixed(0)} s`);
}

/**
 * Header blocks by encoders that are not ours: nghttp2 (in Node) and Python's hpack. HPACK_SETS says how many header sets are
 * tried with each; without it a few thousand.
 */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, performServerHandshake } from 'node:http2';
import { Duplex } from 'node:stream';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createCredentialMasker } from '../../credentials.ts';
import { createHttpStats } from '../../options.ts';
import { PREFACE } from '../frame.ts';
import { FrameReader } from '../frame-reader.ts';
import { HeaderBlock } from '../header-block.ts';
import type { Field } from './field.ts';
import { HeaderDecoder } from './header-decoder.ts';

const SETS = Number(process.env.HPACK_SETS ?? 3000);
const CAP = 64 * 1024;
const masker = createCredentialMasker(Buffer.from('a key for tests only'));

interface Encoded {
  readonly block: Buffer;
  readonly fields: readonly (readonly [string, string])[];
  /** The table size that was agreed on before it; 0 = as before. */
  readonly size: number;
}

/** Numbers from a seed (xorshift), so that a failure can be seen again. */
function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function python(): string | null {
  for (const name of ['/usr/bin/python3', 'python3']) {
    if (spawnSync(name, ['-c', 'import hpack']).status === 0) return name;
  }
  return null;
}

function pythonBlocks(program: string, seed: number, count: number): Encoded[] {
  const script = fileURLToPath(new URL('hpack_blocks.py', import.meta.url));
  const text = execFileSync(program, [script, String(seed), String(count)], { maxBuffer: 1 << 30 }).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => {
      const { block, fields, size } = JSON.parse(line) as { block: string; fields: [string, string][]; size: number };
      return { block: Buffer.from(block, 'hex'), fields, size };
    });
}

/** Two ends of a wire in memory; what the first sends is kept. */
function wire(): { readonly ends: readonly [Duplex, Duplex]; readonly sent: Buffer[] } {
  const sent: Buffer[] = [];
  const ends: Duplex[] = [];
  for (const side of [0, 1]) {
    const end: Duplex = new Duplex({
      read() {},
      write(chunk: Buffer, _encoding, done) {
        if (side === 0) sent.push(Buffer.from(chunk));
        setImmediate(() => {
          ends[1 - side]!.push(chunk);
          done();
        });
      },
    });
    ends.push(end);
  }
  return { ends: [ends[0]!, ends[1]!], sent };
}

/** Node's client sends so many requests, with fields of which some come again and some don't. */
async function nodeBlocks(seed: number, count: number): Promise<Encoded[]> {
  const random = randomOf(seed);
  const { ends, sent } = wire();
  const size = [0, 100, 4096, 16_384][seed % 4]!;
  performServerHandshake(ends[1], { settings: { headerTableSize: size, maxConcurrentStreams: 1000 } }).on(
    'stream',
    (stream) => {
      stream.respond({ ':status': 200 }, { endStream: true });
    },
  );
  const session = connect('http://localhost', { createConnection: () => ends[0], maxDeflateDynamicTableSize: 65_536 });
  await once(session, 'remoteSettings');
  const expected: (readonly [string, string])[][] = [];
  for (let n = 0; n < count; n++) {
    const fields: [string, string][] = [
      [':method', ['GET', 'POST', 'PUT'][random(3)]!],
      [':authority', `host-${random(3)}`],
      [':scheme', 'http'],
      [':path', `/p/${random(50)}`],
    ];
    for (let at = random(9); at > 0; at--) {
      const name = `x-${'n'.repeat(random(3))}${at}`;
      const value = random(2) === 0 ? `known ${random(4)}` : `é ~ ${random(1e6)} ${'v'.repeat(random(200))}`;
      fields.push([name, value]);
    }
    expected.push(fields);
    const stream = session.request(Object.fromEntries(fields), { endStream: true });
    stream.resume();
    await once(stream, 'close');
  }
  session.destroy();
  const blocks = blocksOf(Buffer.concat(sent));
  assert.equal(blocks.length, count);
  return blocks.map((block, n) => ({ block, fields: expected[n]!, size: n === 0 ? Math.max(size, 4096) : 0 }));
}

function blocksOf(bytes: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  const block = new HeaderBlock(CAP);
  const sink = {
    data: () => {},
    dataMissing: () => {},
    dataEnd: () => {},
    frame: (...[head, buffer, start, end]: Parameters<HeaderSink>) => {
      if (![1, 9].includes(head.type) || !block.frame(head, buffer, start, end)) return;
      blocks.push(Buffer.from(block.bytes.subarray(block.start, block.end)));
    },
  };
  const reader = new FrameReader(sink, createHttpStats(), CAP, 0);
  assert.equal(reader.read(bytes, 0, bytes.length, 0, 0), bytes.length);
  assert.equal(reader.preface, PREFACE.length);
  return blocks;
}
type HeaderSink = ConstructorParameters<typeof FrameReader>[0]['frame'];

function decode(decoder: HeaderDecoder, { block, size }: Encoded): Field[] | null {
  if (size > 0) decoder.table.agree(size);
  return decoder.decode(block, 0, block.length);
}

const plain = (fields: readonly Field[] | null): unknown => fields?.map(({ name, value }) => [name, value]);

function check(all: readonly Encoded[], seed: number): void {
  const whole = new HeaderDecoder(masker, 1 << 20, 256, true);
  const decoded = all.map((each) => decode(whole, each));
  decoded.forEach((fields, n) => {
    assert.deepEqual(plain(fields), all[n]!.fields, `block ${n} of seed ${seed}`);
  });
  const random = randomOf(seed + 1);
  for (let round = 0; round < 20; round++) {
    // Joined at some block, with a small memory or a large one, and blocks lost now and then.
    const joined = new HeaderDecoder(masker, [CAP, 300, 4096][round % 3]!, 256, false);
    for (let n = random(all.length); n < all.length; n++) {
      if (random(40) === 0) {
        joined.table.forget();
        n += random(3);
        if (n >= all.length) break;
      }
      const fields = decode(joined, all[n]!);
      assert.equal(fields?.length, all[n]!.fields.length, `seed ${seed}: a valid block is never damage`);
      fields.forEach(({ name, value }, at) => {
        if (name !== null) assert.deepEqual([name, value], all[n]!.fields[at], `block ${n} of seed ${seed}, joined`);
      });
    }
  }
}

test('header blocks of nghttp2 decode to what was sent, and after a join or a loss to that or to nothing', async () => {
  const each = Math.ceil(SETS / 8);
  for (let seed = 1; seed <= 8; seed++) check(await nodeBlocks(seed, each), seed);
});

test("header blocks of Python's hpack decode to what was sent, and after a join or a loss to that or to nothing", (t) => {
  const program = python();
  if (program === null) {
    t.skip("Python's hpack is not installed: apt-get install python3-h2");
    return;
  }
  const each = Math.ceil(SETS / 4);
  for (let seed = 1; seed <= 4; seed++) check(pythonBlocks(program, seed, each), seed);
});

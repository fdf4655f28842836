/**
 * What observations cost as Avro, with JSON beside it: `sh scripts/node.sh schemas/observation.bench.ts`.
 *
 * Observations are what the stages make of generated traffic, and an agent's long conversation: 200 calls, each with two new
 * messages and the hashes of all before. The best of many rounds counts: other processes only add. zstd as the producer uses
 * it, on batches of up to 900 KB.
 */
import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { observationsOf } from '../load-tests/e2e/observations.ts';
import { generate } from '../load-tests/generator/generate.ts';
import type { Codec } from '../services/bus/bus.ts';
import type { CallId, ContentHash } from '../services/common/types.ts';
import type { Content, Observation } from './call.ts';
import { observationCodec } from './codec.ts';

const ROUNDS = 40;
const BATCH_BYTES = 900_000;
const CALLS = 400;
const CONVERSATION_CALLS = 200;

const JSON_CODEC: Codec<Observation> = {
  encode: (observation) => Buffer.from(JSON.stringify(observation)),
  decode: (bytes) => JSON.parse(bytes.toString('utf8')) as Observation,
};

const hashOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** The first call as the template; messages are JSON text, as they are stored. */
function conversation(template: Observation, texts: readonly string[]): Observation[] {
  if (template.type !== 'call') throw new TypeError('the template must be a call');
  const requestParts: ContentHash[] = [];
  return Array.from({ length: CONVERSATION_CALLS }, (_, n) => {
    const contents = [0, 1].map((at): Content => {
      const text = JSON.stringify({
        role: at === 0 ? 'assistant' : 'user',
        n,
        content: texts[(n * 2 + at) % texts.length],
      });
      return { hash: hashOf(text) as ContentHash, kind: 'message', text };
    });
    requestParts.push(...contents.map(({ hash }) => hash));
    const call = {
      ...template.call,
      callId: hashOf(`call ${n}`) as CallId,
      requestParts: [...requestParts],
      messageCount: requestParts.length,
      requestSkeleton: `{"model":"m","messages":[${requestParts.map(() => '\0').join(',')}],"stream":true}`,
    };
    return { type: 'call', call, contents };
  });
}

/** µs for each value in the best round. */
function best(count: number, round: () => void): number {
  let micros = Number.POSITIVE_INFINITY;
  for (let i = 0; i < ROUNDS; i++) {
    const began = performance.now();
    round();
    micros = Math.min(micros, ((performance.now() - began) * 1000) / count);
  }
  return micros;
}

function compressedBytes(values: readonly Buffer[]): number {
  let total = 0;
  let batch: Buffer[] = [];
  let bytes = 0;
  const flush = (): void => {
    total += zstdCompressSync(Buffer.concat(batch)).length;
    batch = [];
    bytes = 0;
  };
  for (const value of values) {
    if (bytes + value.length > BATCH_BYTES && bytes > 0) flush();
    batch.push(value);
    bytes += value.length;
  }
  flush();
  return total;
}

function report(name: string, observations: readonly Observation[]): void {
  console.log(`${name}: ${observations.length} observations`);
  for (const [format, codec] of [['JSON', JSON_CODEC] as const, ['Avro', observationCodec] as const]) {
    const values = observations.map((observation) => codec.encode(observation));
    const encode = best(values.length, () => {
      for (const observation of observations) codec.encode(observation);
    });
    const decode = best(values.length, () => {
      for (const value of values) codec.decode(value);
    });
    const bytes = values.reduce((sum, value) => sum + value.length, 0) / values.length;
    const zstd = compressedBytes(values) / values.length;
    console.log(
      `  ${format}  encode ${encode.toFixed(1)} µs  decode ${decode.toFixed(1)} µs  ${bytes.toFixed(0)} bytes, with zstd ${zstd.toFixed(0)}`,
    );
  }
}

const generated = await observationsOf(generate({ seed: 1, calls: CALLS }).pcap);
const texts = generated.flatMap((each) => (each.type === 'call' ? each.contents.map(({ text }) => text) : []));
report('generated traffic', generated);
report('a long conversation', conversation(generated.find((each) => each.type === 'call')!, texts));

/**
 * What it costs to bring frames and observations into another thread, there and back: `sh scripts/node.sh
 * services/pipeline/threads/messages.bench.ts`. In one thread over a MessageChannel, in messages of 32; the best of many rounds.
 */
import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { observationsOf } from '../../../load-tests/e2e/observations.ts';
import { GENERATOR_DEFAULTS, generate } from '../../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../../mirror/index.ts';
import { frameCodec, observationCodec } from '../../../schemas/codec.ts';
import type { Frame } from '../../../schemas/frame.ts';
import { type FrameBatch, packFrames, unpackFrames } from './frame-batch.ts';

const ROUNDS = 15;
const MESSAGE_RECORDS = 32;
const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed: 1, calls: 400 });
const { port1, port2 } = new MessageChannel();

function framesOf(): Frame[] {
  const frames: Frame[] = [];
  const capture = new Capture(CAPTURE_DEFAULTS, (frame) => frames.push(frame));
  capture.nextSource('bench');
  capture.write(pcap);
  capture.end('eof');
  return frames;
}

/** Made anew for each round: some ways use them up. */
function measure<T>(name: string, make: () => T[], send: (some: T[]) => void, take: () => void): void {
  let best = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
  for (let round = 0; round < ROUNDS; round++) {
    const all = make();
    globalThis.gc?.();
    let [there, back] = [0, 0];
    for (let at = 0; at < all.length; at += MESSAGE_RECORDS) {
      const began = performance.now();
      send(all.slice(at, at + MESSAGE_RECORDS));
      const sent = performance.now();
      take();
      there += sent - began;
      back += performance.now() - sent;
    }
    best = [Math.min(best[0], (there * 1000) / all.length), Math.min(best[1], (back * 1000) / all.length)];
  }
  console.log(`${name.padEnd(40)} sent ${best[0].toFixed(1)} µs, received ${best[1].toFixed(1)} µs each`);
}

const received = (): unknown => receiveMessageOnPort(port2)?.message;
measure(
  'frames, Avro',
  framesOf,
  (some) => port1.postMessage(some.map((frame) => frameCodec.encode(frame))),
  () =>
    (received() as Uint8Array[]).map((bytes) =>
      frameCodec.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
    ),
);
measure('frames, structured clone', framesOf, (some) => port1.postMessage(some), received);
measure(
  'frames, packed',
  framesOf,
  (some) => {
    const { batch, transfer } = packFrames(some.map((value, offset) => ({ key: '', offset, value })));
    port1.postMessage(batch, transfer);
  },
  () => unpackFrames(received() as FrameBatch),
);
const observations = await observationsOf(pcap);
measure(
  'observations, Avro',
  () => observations,
  (some) => port1.postMessage(some.map((each) => observationCodec.encode(each))),
  () =>
    (received() as Uint8Array[]).map((bytes) =>
      observationCodec.decode(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)),
    ),
);
measure(
  'observations, JSON',
  () => observations,
  (some) => port1.postMessage(JSON.stringify(some)),
  () => JSON.parse(received() as string),
);
measure(
  'observations, structured clone',
  () => observations,
  (some) => port1.postMessage(some),
  received,
);
port1.close();

/** What a fresh zlib stream for each message costs against one for all of them: `node services/websocket/inflate.bench.ts` */
import { constants, deflateRawSync } from 'node:zlib';
import { InflateRaw } from 'minizlib';
import { MessageInflate } from './inflate.ts';
import { SOCKET_DEFAULTS } from './options.ts';

const MESSAGES = 20_000;
const ROUNDS = 3;
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

function packed(n: number): Buffer {
  const delta = {
    type: 'response.output_text.delta',
    item_id: 'msg_0123456789abcdef',
    output_index: 0,
    content_index: 0,
  };
  const text = JSON.stringify({ ...delta, delta: ` word${n}`, sequence_number: n });
  return deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -TAIL.length);
}

function micros(run: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    run();
    best = Math.min(best, performance.now() - started);
  }
  return (best * 1000) / MESSAGES;
}

const messages = Array.from({ length: MESSAGES }, (_, n) => packed(n));

function fresh(context: boolean): void {
  const inflate = new MessageInflate(context, SOCKET_DEFAULTS);
  for (const message of messages) {
    if (typeof inflate.read(message, true) === 'string') throw new Error('a message that is not read');
    inflate.accept(true);
  }
}

function streamed(): void {
  const engine = new InflateRaw({ flush: constants.Z_SYNC_FLUSH });
  let bytes = 0;
  engine.on('data', (data: Buffer) => {
    bytes += data.length;
  });
  for (const message of messages) engine.write(Buffer.concat([message, TAIL]));
  engine.close();
  if (bytes === 0) throw new Error('nothing was read');
}

const rows = {
  'one stream for all messages': micros(streamed),
  'a stream for each, without context': micros(() => fresh(false)),
  'a stream for each, with its window as dictionary': micros(() => fresh(true)),
};
for (const [name, each] of Object.entries(rows)) process.stdout.write(`${name}: ${each.toFixed(1)} µs a message\n`);

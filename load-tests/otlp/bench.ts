/**
 * What the two encodings of OTLP cost: npm run bench:otlp -- [spans, default 1,000]
 *
 * CPU of this process in turns, the median of the rounds after the first; gzip is what every request pays on top.
 */
import { gzipSync } from 'node:zlib';
import { encodeSpans } from '../../services/otlp/encode.ts';
import { ENCODINGS, type Encoding, encodeRequest } from '../../services/otlp/encoding.ts';
import { spanRows } from './rows.ts';

const ROUNDS = 30;
const WARM = 10;
const count = Number(process.argv[2] ?? 1000);
const rows = spanRows(count);

const body = (encoding: Encoding): Buffer => encodeRequest(encoding, 'traces', encodeSpans(rows));

interface Measured {
  readonly encode: number[];
  readonly zip: number[];
}

function cpuMs(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const median = (list: readonly number[]): number => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;

const measured = new Map(ENCODINGS.map((encoding): [Encoding, Measured] => [encoding, { encode: [], zip: [] }]));
for (let round = 0; round < WARM + ROUNDS; round++) {
  for (const [encoding, { encode, zip }] of measured) {
    let bytes: Buffer = Buffer.alloc(0);
    const encoded = cpuMs(() => {
      bytes = body(encoding);
    });
    const zipped = cpuMs(() => gzipSync(bytes));
    if (round < WARM) continue;
    encode.push(encoded);
    zip.push(zipped);
  }
}
console.log(`${count} spans, CPU in ms, median of ${ROUNDS}`);
console.table(
  Object.fromEntries(
    [...measured].map(([encoding, { encode, zip }]) => [
      encoding,
      {
        encode: median(encode).toFixed(1),
        gzip: median(zip).toFixed(1),
        together: median(encode.map((ms, i) => ms + (zip[i] ?? 0))).toFixed(1),
        bytes: body(encoding).length,
        gzipped: gzipSync(body(encoding)).length,
      },
    ]),
  ),
);

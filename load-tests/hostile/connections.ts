/**
 * Memory with many connections open, each with a request under way of which the last byte is missing:
 *
 *     npm run hostile:connections -- [--connections 100000] [--request-bytes 2000] [--stages probe|all]
 *
 * `probe`: capture and TCP; `all`: also the stages behind it, which keep what came of each request.
 */
import { parseArgs } from 'node:util';
import { Capture } from '../../mirror/capture.ts';
import { CAPTURE_DEFAULTS } from '../../mirror/options.ts';
import { MEMORY_BUS_DEFAULTS } from '../../services/bus/memory-bus.ts';
import { Pump } from '../../services/capture/pump.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { IDENTITY_DEFAULTS } from '../../services/identity/mapping.ts';
import { LLM_DEFAULTS } from '../../services/llm/defaults.ts';
import { Pipeline } from '../../services/pipeline/pipeline.ts';
import { ethernetFrame, PcapWriter } from '../wire/packets.ts';

const START = 1_700_000_000_000_000;
/** Capture time between two connections, µs: 10,000 a second. */
const STEP = 100;
/** Connections written to the probe at once. */
const CHUNK = 100;

const { values } = parseArgs({
  options: {
    connections: { type: 'string', default: '100000' },
    'request-bytes': { type: 'string', default: '2000' },
    stages: { type: 'string', default: 'probe' },
  },
});
const connections = Number(values.connections);
const requestBytes = Number(values['request-bytes']);

const body = `{"model":"m","stream":true,"messages":[{"role":"user","content":"${'x'.repeat(Math.max(0, requestBytes - 200))}`;
const head = `POST /v1/messages HTTP/1.1\r\nhost: llm\r\ncontent-type: application/json\r\ncontent-length: ${body.length + 4}\r\n\r\n`;
const request = Buffer.from(head + body);

function* chunks(): Generator<Buffer> {
  const writer = new PcapWriter();
  const server = { ip: '10.9.0.1', port: 80 };
  for (let at = 0; at < connections; at++) {
    const client = { ip: `10.${1 + (at >> 14)}.0.2`, port: 1024 + (at & 16_383) };
    const time = START + at * STEP;
    writer.packet(time, ethernetFrame({ from: client, to: server, seq: 99, ack: 0, flags: 'S' }));
    writer.packet(time, ethernetFrame({ from: server, to: client, seq: 199, ack: 100, flags: 'SA' }));
    for (let from = 0; from < request.length; from += 1448) {
      const payload = request.subarray(from, from + 1448);
      writer.packet(time, ethernetFrame({ from: client, to: server, seq: 100 + from, ack: 200, flags: 'PA', payload }));
    }
    if (at % CHUNK === CHUNK - 1) yield writer.drain();
  }
  yield writer.drain();
}

async function runProbe(): Promise<void> {
  const capture = new Capture(CAPTURE_DEFAULTS, () => {});
  for (const chunk of chunks()) capture.write(chunk);
  capture.tick(START + connections * STEP + 1_000_000);
  report();
  capture.end('stopped');
}

async function runAll(): Promise<void> {
  const sink = { async add() {}, async addReport() {}, async addLosses() {}, async flush() {} };
  const llm = { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: true, limits: LLM_DEFAULTS };
  const reassembler = { http: HTTP_DEFAULTS, llm };
  const key = Buffer.from('a key that only measurements know');
  const pipeline = await Pipeline.start({ bus: MEMORY_BUS_DEFAULTS, reassembler }, key, sink);
  const pump = new Pump(CAPTURE_DEFAULTS, pipeline);
  for (const chunk of chunks()) await pump.write(chunk);
  await pump.tick(START + connections * STEP + 1_000_000);
  report();
  process.exit(0);
}

function report(): void {
  const grown = process.memoryUsage().rss;
  globalThis.gc?.();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  const mb = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;
  console.log(
    `${connections} connections, ${values.stages}: ${mb(grown)} RSS; after a collection ${mb(rss)} RSS, ${mb(heapUsed)} heap, ${mb(arrayBuffers)} buffers`,
  );
}

await (values.stages === 'all' ? runAll() : runProbe());

/** No credential leaves a probe readable, however its head is cut, and everything comes back as it was. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GENERATOR_DEFAULTS, generate } from '../../load-tests/generator/generate.ts';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import { frameCodec } from '../../schemas/codec.ts';
import type { Frame } from '../../schemas/frame.ts';
import { client, framesOf, type Step, server } from '../http/testing.ts';
import { FrameMasker, maskingKey } from './frame-mask.ts';
import { maskedCodec } from './masked-codec.ts';

const key = maskingKey(Buffer.from('only for tests, 32 bytes of it..'));
const codec = maskedCodec(frameCodec, key);
const SECRET = 'hunter2-QkZTZ0RkSjI0';
/** So many bytes of a secret in a row must not be readable. */
const WINDOW = 5;
const CONNECTION = Buffer.from('masked'.padEnd(16)).toString('hex');

/** Each form that a credential has on the wire. */
const REQUESTS = [
  `GET / HTTP/1.1\r\nhost: h\r\nAuthorization: Bearer ${SECRET}\r\n\r\n`,
  `GET / HTTP/1.1\nX-API-Key:${SECRET}\nhost: h\n\n`,
  `POST /v1?x=1&key=${SECRET}&y=2 HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}`,
  `POST /v1?api%5Fkey=${SECRET} HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n{}`,
  `GET http://user:${SECRET}@host:80/path HTTP/1.1\r\nhost: h\r\n\r\n`,
  `GET / HTTP/1.1\r\nhost: h\r\ncookie: a=${SECRET}\r\nx-goog-api-key: ${SECRET}\r\nauthorization: AWS4-HMAC-SHA256\r\n ${SECRET}\r\n\r\n`,
  `GET / HTTP/1.1\r\nhost: h\r\nReferer: https://a/?token=${SECRET}\r\nproxy-authorization : Basic ${SECRET}\r\n\r\n`,
  `GET /ws HTTP/1.1\r\nhost: h\r\nsec-websocket-protocol: realtime, key.${SECRET}\r\n\r\n`,
] as const;
const RESPONSES = [
  `HTTP/1.1 200 OK\r\nset-cookie: s=${SECRET}; path=/\r\ncontent-length: 2\r\n\r\nok`,
  `HTTP/1.1 302 Found\r\nlocation: https://a/?access_token=${SECRET}\r\ncontent-length: 0\r\n\r\n`,
] as const;

function framesBy(steps: readonly Step[], stepsPerFrame: number): readonly Frame[] {
  return framesOf(steps, { connection: CONNECTION, stepsPerFrame, close: 'fin' });
}

function copied(frame: Frame): Frame {
  return { ...frame, payload: Buffer.from(frame.payload) };
}

/** Published, and read by who has the key. */
function assertComesBack(frames: readonly Frame[]): void {
  const masker = new FrameMasker(key);
  for (const frame of frames) {
    const back = codec.decode(codec.encode(masker.mask(copied(frame))));
    assert.ok(back.payload.equals(frame.payload), 'it comes back as it was');
    assert.equal(JSON.stringify(back.segments), JSON.stringify(frame.segments));
  }
  assert.equal(masker.size, 0, 'nothing is kept of connections that have ended');
}

/** What a reader without the key sees, both sides' bytes put together as streams. */
function readable(frames: readonly Frame[]): string {
  const masker = new FrameMasker(key);
  const streams = { client: '', server: '' };
  for (const frame of frames) {
    const { payload, segments } = masker.mask(copied(frame));
    let at = 0;
    for (const { side, gap, length } of segments) {
      streams[side] += '\0'.repeat(gap) + payload.toString('latin1', at, at + length);
      at += length;
    }
  }
  return `${streams.client}\0${streams.server}`;
}

function leaks(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at + WINDOW <= SECRET.length; at++) {
    if (text.includes(SECRET.slice(at, at + WINDOW))) found.push(`bytes ${at} to ${at + WINDOW} of the secret`);
  }
  return found;
}

/** `text` in pieces of the given sizes, in turn; of those whose number is in `lost` only the length is left. */
function cut(text: string, sizes: readonly number[], lost: ReadonlySet<number>, of: typeof client): Step[] {
  const steps: Step[] = [];
  let gap = 0;
  for (let at = 0, n = 0; at < text.length; n++) {
    const piece = text.slice(at, at + sizes[n % sizes.length]!);
    at += piece.length;
    if (lost.has(n)) gap += piece.length;
    else {
      steps.push(of(piece, gap));
      gap = 0;
    }
  }
  return steps;
}

const traffic = {
  requests: fc.array(fc.constantFrom(...REQUESTS), { minLength: 1, maxLength: 4 }),
  responses: fc.array(fc.constantFrom(...RESPONSES), { minLength: 1, maxLength: 3 }),
  sizes: fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 }),
  stepsPerFrame: fc.integer({ min: 1, max: 6 }),
};

test('however heads are cut into segments and frames, no part of a credential can be read, and all comes back', () => {
  const property = fc.property(fc.record(traffic), ({ requests, responses, sizes, stepsPerFrame }) => {
    const none = new Set<number>();
    const steps = [...cut(requests.join(''), sizes, none, client), ...cut(responses.join(''), sizes, none, server)];
    const frames = framesBy(steps, stepsPerFrame);
    assertComesBack(frames);
    assert.deepEqual(leaks(readable(frames)), []);
  });
  fc.assert(property, { numRuns: 300 });
});

test('nor after gaps, nor where a probe joins in the middle', () => {
  const lossy = fc.record({ ...traffic, lost: fc.array(fc.nat(40), { maxLength: 6 }), joinsAt: fc.nat(30) });
  const property = fc.property(lossy, ({ requests, sizes, stepsPerFrame, lost, joinsAt }) => {
    const text = requests.join('').slice(joinsAt);
    const steps = cut(text, sizes, new Set(lost), client);
    const options = { connection: CONNECTION, stepsPerFrame, fromStart: joinsAt === 0 };
    assert.deepEqual(leaks(readable(framesOf(steps, options))), []);
  });
  fc.assert(property, { numRuns: 300 });
});

test('bodies that look like heads come back byte for byte', () => {
  const body = `authorization: not a credential\n?key=neither&x ://nor@this\r\nset-cookie: x\r\n folded\r\n`;
  const head = `POST / HTTP/1.1\r\nhost: h\r\ncontent-length: ${body.length}\r\n\r\n`;
  assertComesBack(framesBy([client(head + body), server('HTTP/1.1 204 No Content\r\n\r\n')], 1));
});

test('what is no credential stays readable', () => {
  const text = readable(framesBy([client(REQUESTS[0]!), server(RESPONSES[0]!)], 1));
  assert.ok(text.includes('GET / HTTP/1.1\r\nhost: h\r\nAuthorization: '));
  assert.ok(text.includes('content-length: 2\r\n\r\nok'));
});

test('frames that were hidden with another key are refused, with a word on what to do', () => {
  const other = maskedCodec(frameCodec, maskingKey(Buffer.from('another key')));
  const [frame] = framesBy([client(REQUESTS[0]!)], 1);
  const record = codec.encode(new FrameMasker(key).mask(copied(frame!)));
  assert.throws(() => other.decode(record), { code: 'BIT_FRAME_MASK_KEY', message: /fingerprintKeyFile/ });
});

test('damaged lists of what is hidden are refused', () => {
  const [frame] = framesBy([client(REQUESTS[0]!)], 1);
  const record = codec.encode(new FrameMasker(key).mask(copied(frame!)));
  for (let at = 2; at < 16; at++) {
    for (const value of [0, 127, 255]) {
      const damaged = Buffer.from(record);
      damaged[at] = value;
      try {
        codec.decode(damaged);
      } catch (error) {
        assert.match((error as { code: string }).code, /^BIT_FRAME_/);
      }
    }
  }
});

test('frames without hidden bytes of older probes are read as they are', () => {
  const [frame] = framesBy([client('GET / HTTP/1.1\r\n\r\n')], 1);
  assert.ok(codec.decode(frameCodec.encode(frame!)).payload.equals(frame!.payload));
});

test('generated traffic comes back as it was', () => {
  const { pcap } = generate({ ...GENERATOR_DEFAULTS, seed: 5, calls: 40, loss: 0.01 });
  const frames: Frame[] = [];
  const capture = new Capture({ ...CAPTURE_DEFAULTS, frameBytesMax: 4096 }, (frame) => frames.push(frame));
  capture.nextSource('test');
  capture.write(pcap);
  capture.end('eof');
  assertComesBack(frames);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { HttpAssembler } from './assembler.ts';
import type { BodyPieces } from './body-pieces.ts';
import type { BodyConsumer, Exchange, ExchangeHandler } from './exchange.ts';
import { HTTP_DEFAULTS } from './options.ts';
import { fin, framesOf, type Step, TEST_MASKER } from './testing.ts';

/** Writes down all that it is told, bodies by pieces of one time. */
class Diary implements ExchangeHandler {
  readonly lines: string[] = [];
  /** Largest number of pieces that came together. */
  together = 0;
  readonly #takesPieces: boolean;

  constructor(takesPieces: boolean) {
    this.#takesPieces = takesPieces;
  }

  onRequest(exchange: Exchange): BodyConsumer {
    return this.#body(`request ${exchange.offset}`);
  }
  onRequestEnd(exchange: Exchange): void {
    this.lines.push(`request end ${exchange.offset} ${exchange.request.bodyBytes}`);
  }
  onResponse(exchange: Exchange): BodyConsumer {
    return this.#body(`response ${exchange.offset}`);
  }
  onEnd(exchange: Exchange): void {
    this.lines.push(`end ${exchange.offset} ${exchange.end} ${exchange.response.missingBytes}`);
  }

  #body(name: string): BodyConsumer {
    const data = (bytes: Buffer, time: number): void => {
      this.lines.push(`${name} ${time} ${bytes.toString('latin1')}`);
    };
    const gap = (missing: number): void => {
      this.lines.push(`${name} gap ${missing}`);
    };
    const consumer = { data, gap };
    const pieces = (some: BodyPieces): void => {
      this.together = Math.max(this.together, some.count);
      some.each(consumer);
    };
    return this.#takesPieces ? { ...consumer, pieces } : consumer;
  }
}

function told(steps: readonly Step[], stepsPerFrame: number, takesPieces: boolean): Diary {
  const diary = new Diary(takesPieces);
  const assembler = new HttpAssembler(HTTP_DEFAULTS, diary, TEST_MASKER);
  for (const frame of framesOf(steps, { stepsPerFrame })) assembler.feed(frame);
  assembler.end();
  return diary;
}

const REQUEST = 'POST /v1 HTTP/1.1\r\nContent-Length: 12\r\n\r\nhello, world';
const ANSWER =
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\none, \r\n4\r\ntwo,\r\n6\r\n three\r\n0\r\n\r\n';

function cutAt(text: string, cuts: readonly number[], side: 'client' | 'server', gaps: readonly boolean[]): Step[] {
  const places = [0, ...cuts.map((cut) => cut % text.length).sort((a, b) => a - b), text.length];
  const steps: Step[] = [];
  let gap = 0;
  for (let n = 0; n + 1 < places.length; n++) {
    const bytes = text.slice(places[n], places[n + 1]);
    if (gaps[n] === true) gap += bytes.length;
    else {
      steps.push({ side, bytes, gap });
      gap = 0;
    }
  }
  return steps;
}

test('a consumer of pieces is told the same in the same order as one of single pieces, wherever segments and frames end and whatever is missing', () => {
  const cuts = fc.array(fc.nat(200), { maxLength: 12 });
  const gaps = fc.array(fc.boolean(), { maxLength: 6 });
  const plan = fc.array(fc.record({ request: cuts, answer: cuts, gaps, early: fc.boolean() }), { maxLength: 4 });
  fc.assert(
    fc.property(plan, fc.integer({ min: 1, max: 9 }), (exchanges, stepsPerFrame) => {
      const steps = exchanges.flatMap(({ request, answer, gaps: missing, early }) => {
        const asked = cutAt(REQUEST, request, 'client', []);
        const answered = cutAt(ANSWER, answer, 'server', missing);
        // Some answers begin before their request's last bytes.
        const last = early && asked.length > 1 ? asked.splice(-1) : [];
        return [...asked, ...answered.slice(0, 2), ...last, ...answered.slice(2)];
      });
      const all = [...steps, fin('client'), fin('server')];
      assert.deepEqual(told(all, stepsPerFrame, true).lines, told(all, stepsPerFrame, false).lines);
    }),
    { numRuns: 500 },
  );
});

test('the pieces that one frame brings of a body come together', () => {
  const chunks = ANSWER.split(/(?<=\r\n\r\n|,\r\n|, \r\n|three\r\n)/);
  const steps: Step[] = [REQUEST, ...chunks].map((bytes, n) => ({ side: n === 0 ? 'client' : 'server', bytes }));
  assert.equal(steps.length, 6);
  assert.equal(told(steps, steps.length, true).together, 3);
  assert.equal(told(steps, 1, true).together, 1);
});

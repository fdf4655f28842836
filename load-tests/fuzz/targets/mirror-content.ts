/** Is it HTTP? An input is a segment: what stands behind it must not matter, and one byte at a time gives the same answer. */
import assert from 'node:assert/strict';
import {
  IS_REQUEST,
  NOT_REQUEST,
  requestLineState,
  startsRequest,
  startsRequestLine,
  startsResponse,
  startsStatusLine,
} from '../../../mirror/content.ts';
import type { FuzzTarget } from '../target.ts';

const SEEDS = [
  'POST /v1/messages HTTP/1.1\r\nhost: x\r\n\r\n',
  '\r\nGET http://x/ HTTP/1.0\n',
  'CONNECT [::1]:443 HTTP/1.1\r\n',
  'M-SEARCH * HTTP/1.1\r\n',
  'PRI * HTTP/2.0\r\n\r\n',
  'HTTP/1.1 200 OK\r\n\r\n',
  'HTTP/1.1',
  '\u0016\u0003\u0001',
];

const BEHIND = [Buffer.alloc(32, 0), Buffer.from('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1\n GET')] as const;

function answers(bytes: Buffer, start: number, length: number): number[] {
  return [
    requestLineState(0, bytes, start, length),
    Number(startsRequest(bytes, start, length)),
    Number(startsRequestLine(bytes, start, length)),
    Number(startsResponse(bytes, start, length)),
    Number(startsStatusLine(bytes, start, length)),
  ];
}

export const mirrorContent: FuzzTarget = {
  name: 'mirror/content',
  share: 1,
  tokens: ['HTTP/1.', ' HTTP/1.1\r\n', 'GET ', '\r\n', ' /'].map((text) => Buffer.from(text)),
  seeds: () => SEEDS.map((text) => Buffer.from(text, 'latin1')),
  run(input) {
    const [first, second] = BEHIND.map((behind) => answers(Buffer.concat([input, behind]), 0, input.length));
    assert.deepEqual(first, second);
    let state = 0;
    for (let at = 0; at < input.length && state !== IS_REQUEST && state !== NOT_REQUEST; at++) {
      state = requestLineState(state, input, at, 1);
    }
    assert.equal(state, first![0]);
    return first!.reduce((sum, value) => sum * 2 + (value > 0 ? 1 : 0), 0) * 128 + (state % 101) + 1;
  },
};

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounted, client, fin, framesOf, run, type Step, server, summary } from './testing.ts';

const POST = (n: number, body = `req${n}`): string =>
  `POST /${n} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const GET = (n: number): string => `GET /${n} HTTP/1.1\r\nHost: h\r\n\r\n`;
const OK = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';

const CASES: readonly (readonly [name: string, steps: readonly Step[], expected: readonly string[]])[] = [
  [
    'a gap inside a Content-Length body keeps sync',
    [client(POST(1, 'abcdefghij').slice(0, -6)), client('ij', 4), server(OK('a')), client(GET(2)), server(OK('b'))],
    [
      'POST /1 complete > 200 complete = complete missing 4 [abcdij|a]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
  [
    'a gap that ends exactly with the body keeps sync, too',
    [
      client(GET(1)),
      server(OK('hello').slice(0, -3)),
      client('', 0),
      server(OK('b'), 3),
      client(GET(2)),
      server(OK('c')),
    ],
    [
      'GET /1 complete > 200 complete = complete missing 3 [|he]',
      '- none > 200 complete = complete [|b]',
      'GET /2 complete > 200 complete = complete [|c]',
    ],
  ],
  [
    'a gap inside the data of a chunk keeps sync',
    [client(GET(1)), server(`${CHUNKED}a\r\nabc`), server('hij\r\n0\r\n\r\n', 4), client(GET(2)), server(OK('b'))],
    ['GET /1 complete > 200 complete = complete missing 4 [|abchij]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a gap in a body that lasts until the close only misses bytes',
    [client(GET(1)), server('HTTP/1.1 200 OK\r\n\r\nab'), server('ef', 2), fin('server'), fin('client')],
    ['GET /1 complete > 200 complete = complete missing 2 [|abef]'],
  ],
  [
    'a gap over a chunk border ends the response, and the next exchange is exact',
    [
      client(GET(1)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('xyz\r\n3\r\nzzz\r\n0\r\n\r\n', 20),
      client(GET(2)),
      server(OK('b')),
    ],
    ['GET /1 complete > 200 lost = gap missing 20 [|abc]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a response whose head was lost ends its request as a gap',
    [client(GET(1)), server('tail of a body', 100), client(GET(2)), server(OK('b'))],
    ['GET /1 complete > - lost = gap missing 100 [|]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a response that was lost whole is noticed when the next request comes',
    [client(GET(1)), server('', 100), client(GET(2)), server(OK('b'))],
    ['GET /1 complete > - lost = gap missing 100 [|]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a request that was lost whole leaves a response without a request',
    [client(GET(1)), server(OK('a')), client('', GET(2).length), server(OK('b')), client(GET(3)), server(OK('c'))],
    [
      'GET /1 complete > 200 complete = complete [|a]',
      '- none > 200 complete = complete [|b]',
      'GET /3 complete > 200 complete = complete [|c]',
    ],
  ],
  [
    'a request whose head was lost in part comes out with its response only',
    [
      client('POST /1 HTTP/1.1\r\nHost'),
      client('gth: 4\r\n\r\nabcd', 20),
      server(OK('a')),
      client(GET(2)),
      server(OK('b')),
    ],
    ['- none > 200 complete = complete [|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a gap over the end of a Content-Length body is the end of that message',
    [client(POST(1, 'abcdefgh').slice(0, -4)), client('?', 50), server(OK('a')), client(GET(2)), server(OK('b'))],
    ['POST /1 complete > 200 complete = complete missing 4 [abcd|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'with several requests waiting, responses after a gap are uncertain until the client begins anew',
    [
      client(GET(1) + GET(2) + GET(3)),
      server(`${CHUNKED}3\r\nab`),
      server(OK('c'), 60),
      client(GET(4)),
      server(OK('d')),
    ],
    [
      'GET /1 complete > 200 lost = gap missing 60 [|ab]',
      'GET /2 complete > 200 complete = complete uncertain [|c]',
      'GET /3 complete > - lost = gap [|]',
      'GET /4 complete > 200 complete = complete [|d]',
    ],
  ],
  [
    'literal HTTP inside a prompt is no request while the client’s direction is without sync',
    [
      client(`POST /1 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n50\r\n{"text":"`),
      client('POST /evil HTTP/1.1\\r\\nHost: e\\r\\n\\r\\n"}\r\n', 90),
      client('GET /evil HTTP/1.1\nHost: e\n\n'),
      client('DELETE /evil HTTP/1.1\r\nnot a field\r\n\r\n'),
      client('0\r\n\r\n'),
      server(OK('a')),
      client(GET(2)),
      server(OK('b')),
    ],
    [
      'POST /1 lost > 200 complete = complete missing 90 [{"text":"|a]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
];

for (const [name, steps, expected] of CASES) {
  test(`loss: ${name}`, () => {
    for (const stepsPerFrame of [1, 4]) {
      const frames = framesOf(steps, { stepsPerFrame });
      const { ended, stats, recorder } = run(frames);
      assert.deepEqual(ended.map(summary), expected);
      assert.deepEqual(recorder.violations, []);
      assert.equal(
        accounted(stats),
        frames.reduce((sum, frame) => sum + frame.payload.length, 0),
      );
    }
  });
}

test('loss: the consumer is told of a gap at its place', () => {
  const { ended } = run(framesOf([client(POST(1, 'abcdefghij').slice(0, -6)), client('ij', 4), server(OK('a'))]));
  assert.equal(ended[0]!.bodyGaps, 1);
});

test('loss: a frame that was missed is a gap of the size that the offsets tell', () => {
  const steps = [client(POST(1, 'abcdefghij').slice(0, -6)), client('efgh'), client('ij'), server(OK('a'))];
  const frames = framesOf(steps, { stepsPerFrame: 1 }).filter((_, n) => n !== 1);
  const { ended, stats } = run(frames);
  assert.deepEqual(ended.map(summary), ['POST /1 complete > 200 complete = complete missing 4 [abcdij|a]']);
  assert.equal(stats.framesMissed, 1);
});

test('loss: a missed frame that held a whole exchange leaves its neighbours exact', () => {
  const steps = [client(GET(1)), server(OK('a')), client(GET(2)), server(OK('b')), client(GET(3)), server(OK('c'))];
  const frames = framesOf(steps, { stepsPerFrame: 2 }).filter((_, n) => n !== 1);
  assert.deepEqual(run(frames).ended.map(summary), [
    'GET /1 complete > 200 complete = complete [|a]',
    'GET /3 complete > 200 complete = complete [|c]',
  ]);
});

test('loss: a frame that comes twice counts once', () => {
  const frames = framesOf([client(GET(1)), server(OK('a')), client(GET(2)), server(OK('b'))], { stepsPerFrame: 1 });
  const { ended, stats } = run(frames.flatMap((frame) => [frame, frame]));
  assert.equal(ended.length, 2);
  assert.equal(stats.framesDuplicate, 4);
  assert.equal(accounted(stats), 2 * frames.reduce((sum, frame) => sum + frame.payload.length, 0));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounted, client, fin, framesOf, rst, run, type Step, server, summary } from './testing.ts';

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
    'behind a gap over a chunk border a response goes on at the next chunk that begins a segment',
    [
      client(GET(1)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('4\r\nwxyz\r\n5;x="y"\r\nhello\r\n', 20),
      server('0\r\n\r\n'),
      client(GET(2)),
      server(OK('b')),
    ],
    [
      'GET /1 complete > 200 complete = complete missing 20 [|abcwxyzhello]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
  [
    'bytes between a gap and the next chunk are skipped, and several gaps add up',
    [
      client(GET(1)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('yz\r\n2\r\nde\r\n', 5),
      server('2\r\nfg\r\n3\r'),
      server('\nhij\r\n0\r\n\r\n', 7),
      server('1\r\nk\r\n'),
      server('0\r\n\r\n'),
      client(GET(2)),
      server(OK('b')),
    ],
    [
      'GET /1 complete > 200 complete = complete missing 12 [|abcfgk]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
  [
    'behind a gap, text that looks like a chunk is none when no chunk follows it',
    [
      client(GET(1)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('5\r\nhello, world\r\n', 20),
      server('7\r\nfalse'),
      server(' border, and no other\r\n'),
      server('123456789\r\nx'),
      server('a\nx\n'),
      server('0\r\n\r\n and on'),
      server('0\r\n\r\n'),
      client(GET(2)),
      server(OK('b')),
    ],
    [
      'GET /1 complete > 200 complete = complete missing 20 [|abcfalse b]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
  [
    'behind a gap, the last chunk counts only when a head, the end or the client follows it',
    [
      client(GET(1)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('0\r\n\r\n', 20),
      server('2\r\nde\r\n'),
      server('0\r\n\r\n'),
      fin('server'),
      fin('client'),
    ],
    ['GET /1 complete > 200 complete = complete missing 20 [|abcde]'],
  ],
  [
    'a head at a segment’s start is stronger than a chunk that was found behind a gap',
    [
      client(GET(1) + GET(2)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('fff\r\nde', 20),
      server(OK('b')),
      client(GET(3)),
      server(OK('c')),
    ],
    [
      'GET /1 complete > 200 lost = gap missing 20 [|abcde]',
      'GET /2 complete > 200 complete = complete [|b]',
      'GET /3 complete > 200 complete = complete [|c]',
    ],
  ],
  [
    'a chunk that was found behind a gap ends at the latest when the client goes on',
    [client(GET(1)), server(`${CHUNKED}3\r\nabc\r\n`), server('fff\r\nde', 20), client(GET(2)), server(OK('b'))],
    ['GET /1 complete > 200 lost = gap missing 20 [|abcde]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a request that waits while a response goes on behind a gap may have been answered in the gap',
    [
      client(GET(1) + GET(2) + GET(3)),
      server(`${CHUNKED}3\r\nabc\r\n`),
      server('2\r\nde\r\n0\r\n\r\n', 90),
      server(OK('c')),
      fin('client'),
      fin('server'),
    ],
    [
      'GET /1 complete > 200 complete = complete missing 90 [|abcde]',
      'GET /2 complete > 200 complete = complete uncertain [|c]',
      'GET /3 complete > - lost = gap [|]',
    ],
  ],
  [
    'with a single request waiting, its response is certain, whatever was lost before it',
    [
      client(GET(1) + GET(2)),
      server(OK('a')),
      server('', 40),
      client(GET(3)),
      server(`${CHUNKED}3\r\nabc`),
      client('', 0),
      server('tail', 50),
      client(GET(4)),
      server(OK('d')),
    ],
    [
      'GET /1 complete > 200 complete = complete [|a]',
      'GET /2 complete > - lost = gap missing 40 [|]',
      'GET /3 complete > 200 lost = gap missing 50 [|abc]',
      'GET /4 complete > 200 complete = complete [|d]',
    ],
  ],
  [
    'a lost interim response is counted where it belongs, and pairs nothing wrongly',
    [
      client(POST(1, 'abcd').slice(0, -4)),
      server('', 25),
      client('abcd'),
      server(OK('a')),
      client(GET(2)),
      server(OK('b')),
    ],
    [
      'POST /1 complete > 200 complete = complete missing 25 [abcd|a]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  ],
  [
    'of a flight whose first response was lost whole, the others are exact when so much is missing that it was a response',
    [client(GET(1) + GET(2)), server(OK('b'), 600), client(GET(3)), server(OK('c'))],
    [
      'GET /1 complete > - lost = gap missing 600 [|]',
      'GET /2 complete > 200 complete = complete [|b]',
      'GET /3 complete > 200 complete = complete [|c]',
    ],
  ],
  [
    'an answer that was lost whole is no abort, though the client closes then',
    [client(GET(1) + GET(2)), server(OK('a')), server('', 300), fin('client'), fin('server')],
    ['GET /1 complete > 200 complete = complete [|a]', 'GET /2 complete > - lost = gap missing 300 [|]'],
  ],
  [
    'an answer that was lost together with the server’s end is no abort',
    [client(GET(1)), fin('client'), { ...fin('server'), gap: 300 }],
    ['GET /1 complete > - lost = gap missing 300 [|]'],
  ],
  [
    'a gap that is known only after a reset still belongs to the answer',
    [client(GET(1)), rst('client'), server('', 300)],
    ['GET /1 complete > - lost = gap missing 300 [|]'],
  ],
  [
    'a response without body whose HEAD request was lost ends when the client goes on',
    [client('', 40), server('HTTP/1.1 200 OK\r\nContent-Length: 48211\r\n\r\n'), client(GET(2)), server(OK('b'))],
    ['- none > 200 complete = complete [|]', 'GET /2 complete > 200 complete = complete [|b]'],
  ],
  [
    'a response without body whose HEAD request was lost ends when the next response begins',
    [
      client('', 40),
      server('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'),
      client('', 40),
      server(OK('b')),
      client(GET(3)),
      server(OK('c')),
    ],
    [
      '- none > 200 complete = complete [|]',
      '- none > 200 complete = complete [|b]',
      'GET /3 complete > 200 complete = complete [|c]',
    ],
  ],
  [
    'a client that was seen sending before its answers came tells nothing by sending',
    [
      client(GET(1)),
      server(OK('a').slice(0, -1)),
      client(GET(2)),
      server('a'),
      server('', 60),
      client(GET(3)),
      server(OK('c')),
    ],
    [
      'GET /1 complete > 200 complete = complete [|a]',
      'GET /2 complete > 200 complete = complete uncertain missing 60 [|c]',
      'GET /3 complete > - lost = gap [|]',
    ],
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

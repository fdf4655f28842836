import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseReason } from '../../schemas/frame.ts';
import { accounted, client, fin, framesOf, rst, run, type Step, server, summary } from './testing.ts';

const POST = (n: number, body = `req${n}`): string =>
  `POST /${n} HTTP/1.1\r\nHost: h\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const GET = (n: number): string => `GET /${n} HTTP/1.1\r\nHost: h\r\n\r\n`;
const OK = (body: string): string => `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
const CHUNKED = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const UNTIL_CLOSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n';

interface Case {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly expected: readonly string[];
  readonly close?: CloseReason;
  readonly fromStart?: boolean;
}

const CASES: readonly Case[] = [
  {
    name: 'keep-alive: one exchange after the other',
    steps: [client(POST(1)), server(OK('a')), client(GET(2)), server(OK('b'))],
    expected: ['POST /1 complete > 200 complete = complete [req1|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  },
  {
    name: 'pipelining: responses belong to requests in their order',
    steps: [client(POST(1) + GET(2) + POST(3)), server(OK('a') + OK('b')), server(OK('c'))],
    expected: [
      'POST /1 complete > 200 complete = complete [req1|a]',
      'GET /2 complete > 200 complete = complete [|b]',
      'POST /3 complete > 200 complete = complete [req3|c]',
    ],
  },
  {
    name: 'interim responses are not the final one',
    steps: [
      client(POST(1)),
      server('HTTP/1.1 100 Continue\r\n\r\n'),
      server('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'),
      server(OK('a')),
      client(GET(2)),
      server(OK('b')),
    ],
    expected: ['POST /1 complete > 200 complete = complete [req1|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  },
  {
    name: 'HEAD, 204 and 304 have no body, whatever the fields say',
    steps: [
      client('HEAD /1 HTTP/1.1\r\nHost: h\r\n\r\n'),
      server('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n'),
      client(GET(2)),
      server('HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n'),
      client(GET(3)),
      server('HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n'),
      client(GET(4)),
      server(OK('d')),
    ],
    expected: [
      'HEAD /1 complete > 200 complete = complete [|]',
      'GET /2 complete > 204 complete = complete [|]',
      'GET /3 complete > 304 complete = complete [|]',
      'GET /4 complete > 200 complete = complete [|d]',
    ],
  },
  {
    name: 'chunks with extensions, upper-case and padded sizes, and trailers',
    steps: [
      client(GET(1)),
      server(`${CHUNKED}5;name="v"\r\nhello\r\n00A  \r\n, worldly!\r\n0;x\r\nDigest: abc\r\nX: y\r\n\r\n`),
      client(GET(2)),
      server(OK('b')),
    ],
    expected: [
      'GET /1 complete > 200 complete = complete [|hello, worldly!]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  },
  {
    name: 'with both lengths the chunked coding counts',
    steps: [
      client(
        'POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
      ),
      server(OK('a')),
    ],
    expected: ['POST /1 complete > 200 complete = complete [abc|a]'],
  },
  {
    name: 'a body without length ends with the server',
    steps: [
      client('GET /1 HTTP/1.0\r\n\r\n'),
      server('HTTP/1.0 200 OK\r\n\r\nab'),
      server('cd'),
      fin('server'),
      fin('client'),
    ],
    expected: ['GET /1 complete > 200 complete = complete [|abcd]'],
  },
  {
    name: 'empty lines before a request, bare line feeds and folded fields are tolerated',
    steps: [
      client('\r\n\r\nPOST /1 HTTP/1.1\nHost: h\nX-Long: a\n  b\nContent-Length: 2\n\nhi'),
      server('HTTP/1.1 200\nContent-Length: 1\n\na'),
    ],
    expected: ['POST /1 complete > 200 complete = complete [hi|a]'],
  },
  {
    name: 'a response before the request has ended waits for its end',
    steps: [
      client('POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345'),
      server('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno'),
      client('67890'),
      client(GET(2)),
      server(OK('b')),
    ],
    expected: [
      'POST /1 complete > 413 complete = complete [1234567890|no]',
      'GET /2 complete > 200 complete = complete [|b]',
    ],
  },
  {
    name: 'a request that its client gives up is cut',
    steps: [client('POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345'), fin('client'), fin('server')],
    expected: ['POST /1 cut > - none = client_close [12345|]'],
  },
  {
    name: 'a client that closes while the response runs',
    steps: [client(GET(1)), server(`${CHUNKED}5\r\nhello\r\n`), fin('client'), fin('server')],
    expected: ['GET /1 complete > 200 cut = client_close [|hello]'],
  },
  {
    name: 'a client that closes before the first byte of the response',
    steps: [client(GET(1)), rst('client')],
    expected: ['GET /1 complete > - none = client_close [|]'],
  },
  {
    name: 'a half-closed client still gets its response',
    steps: [client(GET(1)), fin('client'), server(OK('a')), fin('server')],
    expected: ['GET /1 complete > 200 complete = complete [|a]'],
  },
  {
    name: 'a half-closed client whose connection then goes silent has hung up',
    steps: [client(GET(1)), fin('client')],
    close: 'idle',
    expected: ['GET /1 complete > - none = client_close [|]'],
  },
  {
    name: 'a server that closes in the middle of a body',
    steps: [client(GET(1)), server('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello'), fin('server'), fin('client')],
    expected: ['GET /1 complete > 200 cut = server_close [|hello]'],
  },
  {
    name: 'a server that resets, with requests unanswered',
    steps: [client(GET(1) + GET(2)), server(`${CHUNKED}5\r\nhel`), rst('server')],
    expected: ['GET /1 complete > 200 cut = server_close [|hel]', 'GET /2 complete > - none = server_close [|]'],
  },
  {
    name: 'a reset cuts a body that would have lasted until the close',
    steps: [client(GET(1)), server(`${UNTIL_CLOSE}ab`), rst('server')],
    expected: ['GET /1 complete > 200 cut = server_close [|ab]'],
  },
  {
    name: 'a connection that went silent',
    steps: [client(GET(1)), server(`${CHUNKED}5\r\nhello\r\n`)],
    close: 'idle',
    expected: ['GET /1 complete > 200 open = timeout [|hello]'],
  },
  {
    name: 'a capture that ended',
    steps: [client(GET(1)), server(`${CHUNKED}5\r\nhello\r\n`)],
    close: 'stopped',
    expected: ['GET /1 complete > 200 lost = capture_end [|hello]'],
  },
  {
    name: 'a response that nobody asked for',
    steps: [server('HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n'), fin('server'), fin('client')],
    expected: ['- none > 408 complete = complete [|]'],
  },
  {
    name: 'contradictory lengths leave the request without a known end, and its response still counts',
    steps: [
      client('POST /1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'),
      server(OK('a')),
      client(GET(2)),
      server(OK('b')),
    ],
    expected: ['POST /1 lost > 200 complete = complete [|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  },
  {
    name: 'a joined connection begins with the next heads',
    fromStart: false,
    steps: [
      client('tail of a prompt: POST /0 HTTP/1.1\\r\\n'),
      server('rest\r\n0\r\n\r\n'),
      client(GET(1)),
      server(OK('a')),
    ],
    expected: ['GET /1 complete > 200 complete = complete [|a]'],
  },
  {
    name: 'a joined connection whose request was missed',
    fromStart: false,
    steps: [server(OK('a')), client(GET(2)), server(OK('b'))],
    expected: ['- none > 200 complete = complete [|a]', 'GET /2 complete > 200 complete = complete [|b]'],
  },
];

for (const { name, steps, expected, close, fromStart } of CASES) {
  test(`exchanges: ${name}`, () => {
    for (const stepsPerFrame of [1, 3]) {
      const frames = framesOf(steps, { stepsPerFrame, close: close ?? null, fromStart: fromStart ?? true });
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

test('exchanges: an interim status is kept by its exchange only, in order', () => {
  const interim = 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n';
  const { ended } = run(framesOf([client(POST(1)), server(interim + OK('a')), client(GET(2)), server(OK('b'))]));
  assert.deepEqual(
    ended.map(({ exchange }) => exchange.interim),
    [[100, 103], []],
  );
});

test('exchanges: times are those of the segments that carried the bytes', () => {
  const { ended, recorder } = run(
    framesOf([
      client('POST /1 HTTP/1.1\r\nHo'), // 1000
      client('st: h\r\nContent-Length: 4\r\n\r\n'),
      client('ab'), // 1002
      client('cd'),
      server('HTTP/1.1 100 Continue\r\n\r\n'), // 1004
      server('HTTP/1.1 200 OK\r\nTransfer-'),
      server('Encoding: chunked\r\n\r\n'), // 1006
      server('3\r\nabc\r\n'),
      server('3\r\ndef\r\n'), // 1008
      server('0\r\n\r\n'),
    ]),
  );
  const { request, response } = ended[0]!.exchange;
  assert.deepEqual([request.start, request.bodyStart, request.end], [1000, 1002, 1003]);
  assert.deepEqual([response.start, response.bodyStart, response.end], [1005, 1007, 1009]);
  assert.deepEqual(recorder.responseTimes[0], [1007, 1008]);
});

test('exchanges: after 101 the bytes are another protocol, counted by side, and the exchange comes out once', () => {
  const { ended, stats } = run(
    framesOf([
      client('GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'),
      server('HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n\r\n\x81\x02hi'),
      client(GET(9)),
      server(OK('opaque')),
      fin('client'),
      fin('server'),
    ]),
  );
  assert.deepEqual(ended.map(summary), ['GET /ws complete > 101 complete = complete [|]']);
  const bytes = { clientBytes: GET(9).length, serverBytes: 4 + OK('opaque').length };
  const upgrade = { protocol: 'websocket', ...bytes, counts: null };
  assert.deepEqual(ended[0]!.exchange.upgrade, upgrade);
  assert.equal(stats.opaqueBytes, upgrade.clientBytes + upgrade.serverBytes);
});

test('exchanges: a successful CONNECT makes a tunnel, a refused one does not', () => {
  const connect = 'CONNECT api.example:443 HTTP/1.1\r\nHost: api.example:443\r\n\r\n';
  const refused = 'HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 2\r\n\r\nno';
  const { ended } = run(
    framesOf([
      client(connect),
      server(refused),
      client(connect),
      server('HTTP/1.1 200 OK\r\n\r\n'),
      client('\x16\x03\x01'),
      rst('client'),
    ]),
  );
  assert.deepEqual(ended.map(summary), [
    'CONNECT api.example:443 complete > 407 complete = complete [|no]',
    'CONNECT api.example:443 complete > 200 complete = complete [|]',
  ]);
  assert.deepEqual(ended[1]!.exchange.upgrade, {
    protocol: 'connect',
    clientBytes: 3,
    serverBytes: 0,
    counts: null,
  });
});

test('exchanges: HTTP/2 with prior knowledge is known by its first line, however that is cut', () => {
  const steps = [client('PRI * HT'), client('TP/2.0\r\n\r\nSM\r\n\r\n\0\0\0'), server('\0\0\x06'), server(OK('x'))];
  const frames = framesOf(steps);
  const { ended, stats } = run(frames);
  assert.equal(ended.length, 0);
  assert.equal(stats.http2Connections, 1);
  assert.equal(
    accounted(stats),
    frames.reduce((sum, { payload }) => sum + payload.length, 0),
  );
});

test('exchanges: wrongly guessed roles are turned round by the content', () => {
  const steps: Step[] = [
    { side: 'client', bytes: 'tail' },
    { side: 'server', bytes: POST(1) },
    { side: 'client', bytes: OK('a') },
  ];
  const { ended, stats } = run(framesOf(steps, { rolesSource: 'guess', fromStart: false }));
  assert.deepEqual(ended.map(summary), ['POST /1 complete > 200 complete = complete [req1|a]']);
  assert.equal(ended[0]!.exchange.connection.client.port, 80);
  assert.equal(ended[0]!.exchange.connection.server.port, 40000);
  assert.equal(stats.rolesSwapped, 1);
});

test('exchanges: too many open ones on a connection end the oldest, and its late response is nobody else’s', () => {
  const { ended } = run(framesOf([client(GET(1) + GET(2) + GET(3)), server(OK('a') + OK('b') + OK('c'))]), {
    pipelineMax: 2,
  });
  assert.deepEqual(ended.map(summary), [
    'GET /1 complete > - none = limit [|]',
    'GET /2 complete > 200 complete = complete [|b]',
    'GET /3 complete > 200 complete = complete [|c]',
  ]);
});

test('exchanges: a head over the limit loses sync and is not held', () => {
  const big = `GET /1 HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(5000)}\r\n\r\n`;
  for (const steps of [[client(big)], [client(big.slice(0, 900)), client(big.slice(900))]]) {
    const { ended, stats } = run(framesOf([...steps, server(OK('a')), client(GET(2)), server(OK('b'))]), {
      headBytesMax: 1000,
    });
    assert.deepEqual(ended.map(summary).slice(-1)[0]?.includes('GET /2 complete > 200 complete = complete'), true);
    assert.equal(stats.lostByLimit, 1);
    assert.equal(stats.headMissing, 1);
  }
});

test('exchanges: over the memory limit the largest connection gives its exchanges up', () => {
  const { ended, stats } = run(
    [
      ...framesOf([client(GET(1) + GET(2) + GET(3))], { connection: 'c1' }),
      ...framesOf([client(GET(4)), server(OK('d'))], { connection: 'c2' }),
    ],
    { memoryBytesMax: 10_000 },
  );
  assert.deepEqual(
    ended.map(({ exchange }) => exchange.end),
    ['limit', 'limit', 'limit', 'complete'],
  );
  assert.equal(stats.exchanges, 4);
});

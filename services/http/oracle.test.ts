/** A second opinion: Node's own HTTP client and server talk through a relay that records their bytes. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, createServer, type IncomingHttpHeaders, request, type Server } from 'node:http';
import { type AddressInfo, connect, createServer as createRelay, type Server as Relay, type Socket } from 'node:net';
import { test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';
import { client, fin, framesOf, run, type Step, server } from './testing.ts';

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const portOf = (listening: Server | Relay): number => (listening.address() as AddressInfo).port;

/** Answers each path in its own way of framing. The body tells the request's. */
async function startServer(): Promise<Server> {
  const started = createServer(async (incoming, response) => {
    const parts: Buffer[] = [];
    for await (const part of incoming) parts.push(part as Buffer);
    const text = `${incoming.method} ${incoming.url} ${Buffer.concat(parts).length} ${'é😀'.repeat(300)}`;
    if (incoming.url === '/early') response.writeEarlyHints({ link: '</style.css>; rel=preload' });
    if (incoming.url === '/gzip') {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(text));
    } else if (incoming.url === '/chunked') {
      response.writeHead(200, { trailer: 'x-sum' });
      for (const word of text.split(' ')) response.write(word);
      response.addTrailers({ 'x-sum': '1' });
      response.end();
    } else if (incoming.url === '/none') response.writeHead(204).end();
    else response.writeHead(404, { 'content-length': Buffer.byteLength(text), 'x-a': ['1', '2'] }).end(text);
  });
  started.listen(0, '127.0.0.1');
  await once(started, 'listening');
  return started;
}

/** Passes the bytes of one connection on and writes them down in the order in which they came. */
async function startRelay(port: number, steps: Step[]): Promise<Relay> {
  const relay = createRelay((near: Socket) => {
    const far = connect(port, '127.0.0.1');
    near.on('data', (bytes: Buffer) => {
      steps.push(client(Buffer.from(bytes)));
      far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => {
      steps.push(server(Buffer.from(bytes)));
      near.write(bytes);
    });
    near.on('end', () => {
      steps.push(fin('client'));
      far.end();
    });
    far.on('end', () => {
      steps.push(fin('server'));
      near.end();
    });
    for (const socket of [near, far]) socket.on('error', () => socket.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  return relay;
}

function ask(port: number, agent: Agent, method: string, path: string, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ port, host: '127.0.0.1', agent, method, path }, async (response) => {
      const parts: Buffer[] = [];
      for await (const part of response) parts.push(part as Buffer);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
    });
    outgoing.on('error', reject);
    // Two writes without a length: Node sends the request in chunks.
    if (body.length > 0) outgoing.write(body.subarray(0, body.length >> 1));
    outgoing.end(body.subarray(body.length >> 1));
  });
}

const REQUESTS: readonly (readonly [method: string, path: string, bodyBytes: number])[] = [
  ['GET', '/length', 0],
  ['POST', '/chunked', 200_000],
  ['POST', '/gzip', 10],
  ['HEAD', '/length', 0],
  ['PUT', '/early', 3000],
  ['GET', '/none', 0],
  ['POST', '/length', 1],
];

test('oracle: what Node’s client saw over one connection is what comes out of its bytes', async () => {
  const steps: Step[] = [];
  const origin = await startServer();
  const relay = await startRelay(portOf(origin), steps);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const answers: Answer[] = [];
  for (const [method, path, bytes] of REQUESTS) {
    answers.push(await ask(portOf(relay), agent, method, path, Buffer.alloc(bytes, 'a')));
  }
  agent.destroy();
  relay.close();
  origin.close();
  const { ended } = run(framesOf(steps));
  assert.equal(ended.length, REQUESTS.length);
  ended.forEach(({ exchange, requestBody, responseBody }, n) => {
    const [method, path, bytes] = REQUESTS[n]!;
    const answer = answers[n]!;
    const zipped = answer.headers['content-encoding'] === 'gzip';
    assert.equal(`${exchange.requestHead?.method} ${exchange.requestHead?.path}`, `${method} ${path}`);
    assert.equal(requestBody.length, bytes);
    assert.equal(exchange.responseHead?.status, answer.status);
    assert.deepEqual(Object.fromEntries(exchange.responseHead?.headers ?? []), answer.headers);
    assert.ok(responseBody.equals(zipped ? gunzipSync(answer.body) : answer.body));
    assert.equal(exchange.response.bodyBytes, answer.body.length);
    assert.equal(exchange.end, 'complete');
    assert.deepEqual(exchange.interim, path === '/early' ? [103] : []);
  });
});

test('oracle: pipelined requests to Node’s server pair with its answers', async () => {
  const steps: Step[] = [];
  const origin = await startServer();
  const relay = await startRelay(portOf(origin), steps);
  const socket = connect(portOf(relay), '127.0.0.1');
  const paths = ['/chunked', '/gzip', '/none', '/length'];
  const close = (path: string): string => (path === '/length' ? 'Connection: close\r\n' : '');
  socket.write(paths.map((path) => `GET ${path} HTTP/1.1\r\nHost: h\r\n${close(path)}\r\n`).join(''));
  socket.resume();
  await once(socket, 'close');
  relay.close();
  origin.close();
  const { ended } = run(framesOf(steps));
  assert.deepEqual(
    ended.map(({ exchange, responseBody }) => [
      exchange.requestHead?.path,
      exchange.end,
      responseBody.toString().split('é')[0],
    ]),
    [
      ['/chunked', 'complete', 'GET/chunked0'],
      ['/gzip', 'complete', 'GET /gzip 0 '],
      ['/none', 'complete', ''],
      ['/length', 'complete', 'GET /length 0 '],
    ],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { accounted, client, fin, framesOf, type Run, rst, run, type Step, server, summary } from '../testing.ts';
import { PREFACE } from './frame.ts';
import { answers, asks, block, data, exchange, frame, recordSession } from './testing.ts';

const SETTINGS = frame(4, 0, 0);
const OPENING = [client(Buffer.concat([PREFACE, SETTINGS])), server(SETTINGS)];
const lines = ({ ended }: Run): string[] => ended.map(summary);
const seen = (steps: readonly Step[], options = {}): Run => run(framesOf([...OPENING, ...steps], options));
const joined = (steps: readonly Step[], options = {}): Run => run(framesOf(steps, { fromStart: false, ...options }));
const DONE = (n: number, body = 'x'): string => `POST /${n} complete > 200 complete = complete [|${body}]`;

test('streams are exchanges of their own, however their frames interleave', () => {
  const result = seen([
    client(Buffer.concat([asks(1), asks(3)])),
    server(Buffer.concat([answers(3), answers(1), data(1, 'a'), data(3, 'b'), data(1, 'c', true), data(3, 'd', true)])),
  ]);
  assert.deepEqual(lines(result), [DONE(1, 'ac'), DONE(3, 'bd')]);
});

test('padding, priority, CONTINUATION, trailers, PING and frames that nobody knows change nothing', () => {
  const whole = block({ ':method': 'POST', ':path': '/1' });
  const head = Buffer.concat([Buffer.of(3, 0, 0, 0, 0, 9), whole.subarray(0, 4), Buffer.alloc(3)]);
  const result = seen([
    client(frame(1, 0x28, 1, head)),
    client(Buffer.concat([frame(9, 0, 1, whole.subarray(4, 9)), frame(9, 4, 1, whole.subarray(9))])),
    client(frame(0, 9, 1, '\x05q\0\0\0\0\0')),
    client(frame(6, 0, 0, 'pingpong')),
    client(frame(99, 255, 7, 'new')),
    server(Buffer.concat([frame(1, 4, 1, block({ ':status': '103' })), answers(1), data(1, 'x')])),
    server(frame(1, 5, 1, block({ 'x-sum': '1' }))),
  ]);
  assert.deepEqual(lines(result), ['POST /1 complete > 200 complete = complete [q|x]']);
  assert.deepEqual(result.ended[0]?.exchange.interim, [103]);
});

test('a reset ends the stream by its sender; an answer that was complete before stays complete', () => {
  const result = seen([
    client(Buffer.concat([asks(1), asks(3), asks(5, {}, 4), asks(7, {}, 4)])),
    server(Buffer.concat([answers(1), data(1, 'a'), answers(3), answers(5), data(5, 'all', true)])),
    client(frame(3, 0, 1, '\0\0\0\x08')),
    server(Buffer.concat([data(1, 'late', true), frame(3, 0, 3, '\0\0\0\x02'), frame(3, 0, 5, '\0\0\0\0')])),
    client(frame(3, 0, 7, '\0\0\0\x08')),
  ]);
  assert.deepEqual(lines(result), [
    'POST /1 complete > 200 cut = client_close [|a]',
    'POST /3 complete > 200 cut = server_close [|]',
    'POST /5 cut > 200 complete = complete [|all]',
    'POST /7 cut > - none = client_close [|]',
  ]);
});

test('GOAWAY ends the streams that the server never took, the others go on; the close ends what is left', () => {
  const result = seen([
    client(Buffer.concat([asks(1), asks(3), asks(5)])),
    server(Buffer.concat([frame(7, 0, 0, '\0\0\0\x03\0\0\0\0'), answers(1), data(1, 'x', true)])),
    fin('server'),
    fin('client'),
  ]);
  assert.deepEqual(lines(result), [
    'POST /5 complete > - none = server_close [|]',
    DONE(1),
    'POST /3 complete > - none = server_close [|]',
  ]);
  assert.deepEqual(lines(seen([client(asks(1)), rst('client')], { close: 'rst' })), [
    'POST /1 complete > - none = client_close [|]',
  ]);
});

test('pushed streams are counted, not read; their header fields still count for those behind', () => {
  const promised = Buffer.concat([Buffer.from('00000002', 'hex'), Buffer.from('40017801', 'hex'), Buffer.from('y')]);
  const result = seen([
    client(asks(1)),
    server(
      Buffer.concat([frame(5, 4, 1, promised), frame(1, 4, 2, block({ ':status': '200' })), data(2, 'pushed', true)]),
    ),
    server(Buffer.concat([frame(1, 4, 1, Buffer.from('88be', 'hex')), data(1, 'x', true)])),
  ]);
  assert.deepEqual(lines(result), [DONE(1)]);
  assert.equal(result.ended[0]?.exchange.responseHead?.headers.get('x'), 'y');
  assert.equal(result.stats.http2Pushes, 1);
});

test('gRPC is counted by messages, and its status is the trailers’', () => {
  const grpc = { 'content-type': 'application/grpc+proto' };
  const message = '\0\0\0\0\x03abc';
  const result = seen([
    client(Buffer.concat([asks(1, grpc, 4), data(1, message.slice(0, 3)), data(1, message.slice(3), true)])),
    server(Buffer.concat([answers(1, grpc), data(1, message + message.slice(0, 7)), data(1, message.slice(7))])),
    server(frame(1, 5, 1, block({ 'grpc-status': '14' }))),
  ]);
  assert.deepEqual(result.ended[0]?.exchange.grpc, { requestMessages: 1, responseMessages: 2, status: '14' });
});

test('h2c by upgrade: the request of HTTP/1 is answered on stream 1', () => {
  const asking =
    'POST /1 HTTP/1.1\r\nhost: h\r\nupgrade: h2c\r\nconnection: upgrade, http2-settings\r\nhttp2-settings: \r\n\r\n';
  const switching = Buffer.from('HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n');
  const result = run(
    framesOf([
      client(asking),
      server(Buffer.concat([switching, SETTINGS])),
      client(Buffer.concat([PREFACE, SETTINGS, asks(3)])),
      server(Buffer.concat([answers(1), data(1, 'x', true), answers(3), data(3, 'x', true)])),
    ]),
  );
  assert.deepEqual(lines(result), [DONE(1), DONE(3)]);
  assert.deepEqual(result.ended[0]?.exchange.interim, [101]);
});

test('CONTINUATION without an end, settings for huge tables and rapid resets cost no memory and no other stream', () => {
  const flood = Array.from({ length: 40 }, () => client(frame(9, 0, 1, 'x'.repeat(16_384))));
  const result = seen([
    client(frame(1, 0, 1, 'x')),
    ...flood,
    client(frame(9, 4, 1, 'x')),
    server(frame(4, 0, 0, Buffer.from('0001ffffffff', 'hex'))),
    ...Array.from({ length: 50 }, (_, n) =>
      client(Buffer.concat([asks(3 + 2 * n), frame(3, 0, 3 + 2 * n, '\0\0\0\x08')])),
    ),
    client(asks(301)),
    server(Buffer.concat([answers(301), data(301, 'x', true)])),
  ]);
  assert.equal(result.ended.length, 51);
  assert.equal(lines(result).at(-1), DONE(301));
  assert.equal(result.stats.http2Unread, 1);
});

test('too many open streams end the oldest by a limit', () => {
  const { ended } = run(framesOf([...OPENING, client(Buffer.concat([asks(1), asks(3), asks(5)]))]), { pipelineMax: 2 });
  assert.deepEqual(
    ended.map(({ exchange: { end } }) => end),
    ['limit', 'capture_end', 'capture_end'],
  );
});

test('a connection joined in the middle is found by its frames, and an answer whose request was not seen is told', () => {
  const result = joined([
    server('rest of a body'),
    server(Buffer.concat([data(1, 'tail'), answers(3), data(3, 'x', true)])),
    client(Buffer.concat([frame(8, 0, 0, '\0\0\x01\0'), asks(5)])),
    server(Buffer.concat([answers(5), data(5, 'x', true)])),
  ]);
  assert.deepEqual(lines(result), ['- none > 200 complete = complete [|x]', DONE(5)]);
  assert.equal(result.stats.http2Connections, 1);
});

test('roles that were guessed the wrong way round are turned by the first head', () => {
  const steps = [
    client(Buffer.concat([frame(8, 0, 0, '\0\0\x01\0'), asks(5)])),
    server(Buffer.concat([answers(5), data(5, 'x', true)])),
    client(asks(7)),
    server(answers(7, {}, 5)),
  ];
  const turned = steps.map((step): Step => ({ ...step, side: step.side === 'client' ? 'server' : 'client' }));
  const result = joined(turned, { rolesSource: 'guess' });
  assert.deepEqual(lines(result), [DONE(5), DONE(7, '')]);
  assert.equal(result.ended[0]?.exchange.connection.client.port, 80);
  assert.equal(result.stats.rolesSwapped, 1);
});

test('a request that is found only after its answer is not told a second time', () => {
  const result = joined([
    client(asks(5)),
    server(Buffer.concat([answers(5), data(5, 'x', true)])),
    client(frame(8, 0, 0, '\0\0\x01\0')),
    client(asks(7)),
    server(Buffer.concat([answers(7), data(7, 'x', true)])),
  ]);
  assert.deepEqual(lines(result), ['- none > 200 complete = complete [|x]', DONE(7)]);
});

test('fields of a table that was never seen leave a head in part; those added since are known', () => {
  const request = frame(1, 5, 5, Buffer.from('83c5400178017a', 'hex'));
  const result = joined([
    client(
      Buffer.concat([request, frame(1, 5, 7, Buffer.concat([Buffer.from('83be', 'hex'), block({ ':path': '/7' })]))]),
    ),
    server(Buffer.concat([answers(5), data(5, 'x', true), answers(7), data(7, 'x', true)])),
  ]);
  assert.deepEqual(lines(result), ['POST  complete > 200 complete = complete [|x]', DONE(7)]);
  assert.deepEqual(
    result.ended.map(({ exchange: { requestHead } }) => requestHead?.partial),
    [true, false],
  );
  assert.deepEqual(
    result.ended.map(({ exchange: { requestHead } }) => requestHead?.headers.get('x')),
    ['z', 'z'],
  );
});

test('a gap in a body is missing there, and nowhere else', () => {
  const result = seen([
    client(Buffer.concat([asks(1), asks(3)])),
    server(Buffer.concat([answers(1), answers(3), data(1, 'abcdef').subarray(0, 11)])),
    server(Buffer.concat([Buffer.from('f'), data(3, 'x', true), data(1, 'g', true)]), 3),
  ]);
  assert.deepEqual(lines(result), [DONE(3), 'POST /1 complete > 200 complete = complete missing 3 [|abfg]']);
});

test('a gap over frames is missing to each answer that was on its way, not to those behind it', () => {
  const result = seen([
    client(Buffer.concat([asks(1), asks(3), asks(5)])),
    server(Buffer.concat([answers(1), data(1, 'ab')])),
    server(Buffer.concat([data(1, 'cd', true), answers(3), data(3, 'x', true)]), 40),
    server(Buffer.concat([answers(5), data(5, 'x', true)])),
  ]);
  assert.deepEqual(lines(result), ['POST /1 complete > 200 complete = complete missing 40 [|abcd]', DONE(3), DONE(5)]);
});

test('whatever the pieces that a real conversation comes in, it is the same exchanges', async () => {
  const steps = await recordSession(
    (server) => {
      server.on('stream', (stream, headers) => {
        stream.respond(
          { ':status': 200, 'content-type': 'text/plain', 'x-path': String(headers[':path']) },
          { waitForTrailers: true },
        );
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-took': '1ms' }));
        stream.pipe(stream);
      });
    },
    async (session) => {
      const bodies = Array.from({ length: 30 }, (_, n) => `${n} `.repeat(n * 300));
      const all = bodies.map((body, n) =>
        exchange(session, { ':method': 'POST', ':path': `/${n}`, 'x-n': String(n % 3) }, body),
      );
      assert.deepEqual(
        (await Promise.all(all)).map(({ body }) => body.toString()),
        bodies,
      );
    },
  );
  const facts = (result: Run): unknown => [...lines(result)].sort();
  const whole = run(framesOf(steps));
  assert.equal(whole.ended.length, 30);
  const bytes = steps.reduce((sum, step) => sum + (step.bytes?.length ?? 0), 0);
  const sizes = fc.infiniteStream(fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 9000 })));
  fc.assert(
    fc.property(sizes, fc.integer({ min: 1, max: 9 }), (stream, stepsPerFrame) => {
      const size = (): number => stream.next().value;
      const pieces = steps.flatMap((step): Step[] => {
        const all = Buffer.from(step.bytes ?? '');
        const cut: Step[] = all.length === 0 ? [step] : [];
        for (let at = 0; at < all.length; ) {
          const next = at + size();
          cut.push({ ...step, bytes: all.subarray(at, next) });
          at = next;
        }
        return cut;
      });
      const result = run(framesOf(pieces, { stepsPerFrame }));
      assert.deepEqual(result.recorder.violations, []);
      assert.deepEqual(facts(result), facts(whole));
      assert.equal(accounted(result.stats), bytes);
    }),
    { numRuns: 40 },
  );
});

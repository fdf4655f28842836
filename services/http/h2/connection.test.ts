import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accounted, framesOf, run, summary } from '../testing.ts';
import { exchange, recordSession } from './testing.ts';

const payloadOf = (frames: ReturnType<typeof framesOf>): number =>
  frames.reduce((sum, { payload }) => sum + payload.length, 0);

test("a request and its answer between Node's client and server are one exchange", async () => {
  const steps = await recordSession(
    (server) => {
      server.on('stream', (stream, headers) => {
        stream.respond({ ':status': 200, 'content-type': 'text/plain', 'x-path': String(headers[':path']) });
        stream.end('hello');
      });
    },
    async (session) => {
      const { body } = await exchange(
        session,
        {
          ':method': 'POST',
          ':path': '/v1/x?key=sk-made-up',
          authorization: 'Bearer sk-made-up',
          cookie: 'a=secret-made-up',
        },
        'question',
      );
      assert.equal(body.toString(), 'hello');
    },
  );
  const frames = framesOf(steps);
  const { ended, stats, recorder } = run(frames);
  assert.deepEqual(recorder.violations, []);
  assert.equal(ended.length, 1);
  const [{ exchange: seen }] = ended as [(typeof ended)[number]];
  assert.match(summary(ended[0]!), /^POST \/v1\/x\?key=fp_\w+ complete > 200 complete = complete \[question\|hello\]$/);
  assert.equal(seen.requestHead?.version, '2');
  assert.match(seen.requestHead?.headers.get('host') ?? '', /^127\.0\.0\.1:/);
  assert.match(seen.requestHead?.headers.get('authorization') ?? '', /^Bearer fp_/);
  assert.equal(seen.requestHead?.credential?.field, 'authorization');
  assert.equal(JSON.stringify([...(seen.requestHead?.headers ?? [])]).includes('made-up'), false);
  assert.equal(stats.http2Connections, 1);
  assert.equal(accounted(stats), payloadOf(frames));
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { callObservation, contentOf, sampleCall } from '../clickhouse/testing.ts';
import { storedCall, Thread } from '../tracker/testing.ts';
import { API_DEFAULTS } from './defaults.ts';
import { openStage, type Stage, TOKEN } from './testing.ts';

let stage: Stage;
before(async () => {
  stage = await openStage();
  await stage.put([callObservation(sampleCall(1))]);
});
after(() => stage.close());

interface Received {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** A reader that notes events until it is closed. */
async function listen(query = '', lastId?: string) {
  const asked = request(`${stage.api.url}/api/v1/events${query}`, {
    agent: false,
    headers: { authorization: `Bearer ${TOKEN}`, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) },
  });
  asked.end();
  const [response] = (await once(asked, 'response')) as [IncomingMessage];
  const events: Received[] = [];
  let text = '';
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split('\n').map((line) => line.split(/: (.*)/s, 2)));
      if (fields.event === undefined) continue;
      events.push({ id: fields.id ?? '', event: fields.event, data: JSON.parse(fields.data) as Received['data'] });
    }
  });
  response.on('error', () => {});
  return { response, events, close: () => asked.destroy() };
}

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (what()) return;
    await sleep(50);
  }
  throw new Error('it never came');
}

const idsOf = (events: readonly Received[]): unknown[] => events.map(({ data }) => data.callId);

test('new calls come once, without contents, to all who listen for them; older ones do not', async () => {
  const [all, other] = await Promise.all([listen(), listen('?agentId=agent-3')]);
  assert.equal(all.response.headers['content-type'], 'text/event-stream');
  const part = contentOf('message', '{"content":"secret words"}');
  await stage.put([
    callObservation(sampleCall(2, { requestSkeleton: '[\0]', requestParts: [part.hash] }), [part]),
    callObservation(sampleCall(3)),
  ]);
  await until(() => all.events.length >= 2 && other.events.length >= 1);
  await sleep(3 * API_DEFAULTS.livePollMs);
  assert.deepEqual(idsOf(all.events), [sampleCall(2).callId, sampleCall(3).callId]);
  assert.deepEqual(idsOf(other.events), [sampleCall(3).callId]);
  assert.doesNotMatch(JSON.stringify(all.events), /secret words|requestSkeleton/);
  all.close();
  other.close();
});

test('turns and findings come when the tracker has told them', async () => {
  const looping = new Thread({ session: 'looping' }).user('Mend it');
  for (let i = 0; i < 6; i++) looping.asks([{ name: 'read', args: '{}', result: 'same' }]);
  const [all, findings] = await Promise.all([listen(), listen('?type=finding')]);
  await stage.put(looping.calls.map((call) => callObservation(storedCall(call))));
  await stage.track();
  await until(() => findings.events.length > 0 && all.events.some(({ event }) => event === 'turn'));
  assert.deepEqual([...new Set(findings.events.map(({ event }) => event))], ['finding']);
  assert.equal(findings.events[0]?.data.kind, 'exact_repeat');
  assert.equal(all.events.find(({ event }) => event === 'turn')?.data.sessionId, 'looping');
  all.close();
  findings.close();
});

test('a stream goes on after the last event that was seen, and says so when it can not', async () => {
  const first = await listen('?type=call');
  await stage.put([callObservation(sampleCall(10)), callObservation(sampleCall(11))]);
  await until(() => first.events.length === 2);
  first.close();
  await stage.put([callObservation(sampleCall(12))]);
  const again = await listen('?type=call', first.events[0]?.id);
  await until(() => again.events.length === 2);
  assert.deepEqual(idsOf(again.events), [sampleCall(11).callId, sampleCall(12).callId]);
  again.close();
  for (const lastId of ['00000000-5', 'nonsense', `${first.events[0]!.id}999`, '']) {
    const lost = await listen('?type=call', lastId);
    await until(() => lost.events.length === 1);
    assert.equal(lost.events[0]?.event, 'gap');
    lost.close();
  }
});

test('a reader that does not read is dropped and told why, the others go on', async () => {
  const [slow, quick] = await Promise.all([listen('?type=call'), listen('?type=call')]);
  slow.response.pause();
  const long = 'x'.repeat(40_000);
  let sent = 0;
  for (let round = 0; round < 12; round++) {
    const calls = Array.from({ length: 60 }, () => sampleCall(1000 + sent++, { errorMessage: long }));
    await stage.put(calls.map((call) => callObservation(call)));
    await until(() => quick.events.length === sent);
  }
  slow.response.resume();
  await until(() => slow.response.destroyed || slow.response.readableEnded);
  assert.equal(slow.events.at(-1)?.event, 'dropped');
  assert.equal(slow.events.at(-1)?.data.code, 'too_slow');
  assert.ok(slow.events.length < sent);
  quick.close();
});

test('there are only so many streams', async () => {
  const streams = await Promise.all(Array.from({ length: API_DEFAULTS.streamsMax }, () => listen()));
  assert.equal((await stage.get('/api/v1/events')).status, 503);
  for (const stream of streams) stream.close();
  await sleep(200);
  const next = await listen();
  assert.equal(next.response.statusCode, 200);
  next.close();
});

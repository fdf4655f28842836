import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { DIALECTS } from '../dialects/index.ts';
import { TIME_FIELDS } from '../manifest.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { headerOf, pairMessages, type TsharkExchange, type TsharkMessage, tsharkMessages } from '../tshark.ts';
import { type Generated, generate } from './generate.ts';

const PORTS = [80, 4000, 8000, 8080, 11_434];
const FAULTS = { reorder: 0.02, duplicate: 0.02, loss: 0.001 };

test('the same seed gives the same bytes and the same manifest, another seed gives others', () => {
  const options = { seed: 5, calls: 20, ...FAULTS };
  const first = generate(options);
  const second = generate(options);
  assert.ok(first.pcap.equals(second.pcap));
  assert.deepEqual(first.manifest, second.manifest);
  assert.ok(!generate({ ...options, seed: 6 }).pcap.equals(first.pcap));
});

test('600 calls have all dialects, outcomes, and something of every kind', () => {
  const { manifest } = generate({ seed: 7, calls: 600 });
  const facts = manifest.calls.map((call) => call.expected);
  const count = (of: (at: number) => boolean): number => facts.filter((_, at) => of(at)).length;
  assert.deepEqual(
    new Set(facts.map((each) => each.dialect)),
    new Set(Object.values(DIALECTS).map((dialect) => dialect.storedAs ?? dialect.name)),
  );
  const outcomes = new Set(facts.map((each) => each.outcome));
  for (const outcome of ['ok', 'http_error', 'stream_error', 'refused', 'client_abort', 'upstream_abort', 'timeout']) {
    assert.ok(outcomes.has(outcome), outcome);
  }
  assert.ok(count((at) => facts[at]!.streaming === true) > 200);
  assert.ok(count((at) => (facts[at]!.tool_names ?? []).length > 1) > 20);
  assert.ok(count((at) => facts[at]!.client_ip.includes(':')) > 50);
  assert.ok(manifest.exchanges.length > 30);
  assert.equal(new Set(facts.map((each) => each.request_id)).size, facts.length);
});

test('600 calls have every rare way of writing a message', () => {
  const { manifest, pcap } = generate({ seed: 7, calls: 600, segmentation: 'super' });
  const written = (text: string): boolean => pcap.includes(Buffer.from(text));
  for (const text of [
    'HTTP/1.0 200 OK',
    '\r\rdata: ',
    '"n":2',
    '[{"candidates"',
    'content-encoding: deflate',
    'content-encoding: br',
    'content-encoding: zstd',
  ]) {
    assert.ok(written(text), text);
  }
  const early = manifest.calls.filter(
    ({ expected }) => (expected.request_end ?? 0) > (expected.first_byte ?? Infinity),
  );
  assert.ok(early.length > 2 && early.every(({ expected }) => expected.status! >= 400));
  const broken = manifest.calls.filter(({ request_body }) => !request_body.endsWith('}'));
  assert.ok(broken.length > 2 && broken.every(({ expected }) => expected.outcome === 'client_abort'));
  const refused = manifest.calls.filter(({ expected }) => expected.outcome === 'refused');
  assert.ok(new Set(refused.map(({ expected }) => expected.finish_reason)).size > 1);
});

test('the times of a call stand in their order, and nothing is missing without faults', () => {
  const { manifest } = generate({ seed: 8, calls: 200, midStream: 0 });
  for (const { expected, latest, loss } of manifest.calls) {
    const early = expected.status! >= 400 && (expected.request_end ?? 0) > (expected.first_byte ?? 0);
    if (early) continue;
    const times = TIME_FIELDS.map((field) => expected[field] ?? null).filter((time) => time !== null);
    assert.deepEqual(times, times.toSorted(), expected.request_id);
    assert.deepEqual(latest, {});
    assert.equal(loss, 'none');
    assert.equal(expected.first_byte === null, expected.status === 0);
  }
});

test('reordering and duplication lose nothing, loss is told call by call', () => {
  const mixed = generate({ seed: 9, calls: 100, reorder: 0.02, duplicate: 0.02, midStream: 0 });
  assert.ok(mixed.manifest.calls.every((call) => call.loss === 'none' && call.lost_bytes === 0));
  assert.ok(mixed.manifest.calls.some((call) => Object.keys(call.latest).length > 0));
  const lossy = generate({ seed: 9, calls: 100, loss: 0.005, midStream: 0 });
  assert.ok(lossy.manifest.capture.lost_packets > 0);
  const hit = lossy.manifest.calls.filter((call) => call.loss === 'data');
  assert.ok(hit.length > 0 && hit.length < 100 && hit.every((call) => call.lost_bytes > 0));
});

test('a short snap length is told as lost bytes', () => {
  const { manifest } = generate({ seed: 10, calls: 10, snapLengthBytes: 200, midStream: 0, segmentation: 'mss' });
  assert.ok(manifest.calls.every((call) => call.loss === 'data' && call.lost_bytes > 0));
});

/** Tshark 4.0 doesn't decode zstd. */
const isReadable = (message: TsharkMessage): boolean => headerOf(message, 'content-encoding') !== 'zstd';

async function exchangesOf(generated: Generated): Promise<Map<string, TsharkExchange>> {
  return withFolder(async (folder) => {
    const path = join(folder, 'x.pcap');
    writeFileSync(path, generated.pcap);
    const exchanges = pairMessages(await tsharkMessages(path, PORTS));
    return new Map(exchanges.map((each) => [headerOf(each.request, 'x-request-id'), each]));
  });
}

// Not `tiny`: tshark 4.0 loses chunked responses with trailers that come a few bytes a packet.
for (const segmentation of ['mss', 'random', 'super'] as const) {
  const skip = missingPrograms('tshark');
  test(`tshark finds the bodies of the manifest, packets cut as ${segmentation}`, { skip }, async () => {
    const generated = generate({ seed: 11, calls: 40, midStream: 0, segmentation });
    const exchanges = await exchangesOf(generated);
    for (const { expected, request_body, response_sha256 } of generated.manifest.calls) {
      const exchange = exchanges.get(expected.request_id);
      // Tshark doesn't show a request that broke off.
      if (exchange === undefined && !request_body.endsWith('}')) continue;
      assert.ok(exchange !== undefined, expected.request_id);
      if (isReadable(exchange.request)) assert.equal(exchange.request.body.toString(), request_body);
      // Tshark doesn't show a response whose last chunk was never sent.
      if (response_sha256 === '' || exchange.response === null || !isReadable(exchange.response)) continue;
      assert.equal(hash('sha256', exchange.response.body), response_sha256, expected.request_id);
      assert.equal(exchange.response.status, expected.status);
    }
  });
}

test('tshark sees healthy TCP connections', { skip: missingPrograms('tshark') }, async () => {
  const { pcap } = generate({ seed: 12, calls: 60, midStream: 0 });
  const text = await withFolder(async (folder) => {
    const path = join(folder, 'x.pcap');
    writeFileSync(path, pcap);
    const filter = 'tcp.analysis.lost_segment || tcp.analysis.ack_lost_segment || tcp.analysis.out_of_order';
    return execFileSync('tshark', ['-r', path, '--disable-protocol', 'http', '-Y', filter], {
      stdio: ['ignore', 'pipe', 'ignore'],
    }).toString();
  });
  assert.equal(text, '');
});

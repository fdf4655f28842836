import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import type { Manifest } from '../manifest.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { headerOf, pairMessages, tsharkMessages } from '../tshark.ts';
import { record } from './record.ts';

const sample = (name: string): Buffer => readFileSync(new URL(`../samples/${name}`, import.meta.url));
const bundled = JSON.parse(sample('demo.manifest.json').toString()) as Manifest;
const bundledPcap = gunzipSync(sample('demo.pcap.gz'));

/** Compares the manifest with what tshark reads: the same exchanges with the same bodies. */
async function agree(pcap: Buffer, manifest: Manifest): Promise<void> {
  const port = manifest.calls[0]!.expected.server_port;
  const messages = await withFolder((folder) => {
    const path = join(folder, 'x.pcap');
    writeFileSync(path, pcap);
    return tsharkMessages(path, [port]);
  });
  const exchanges = pairMessages(messages);
  assert.equal(exchanges.length, manifest.calls.length + manifest.exchanges.length);
  const responses = new Map(messages.map((each) => [headerOf(each, 'x-request-id'), each]));
  const requests = new Set(exchanges.map(({ request }) => request.body.toString()));
  for (const { expected, request_body, response_sha256 } of manifest.calls) {
    assert.ok(requests.has(request_body), expected.request_id);
    const response = responses.get(expected.request_id);
    // Tshark doesn't show a response whose client hung up before the last chunk.
    if (response_sha256 === '' || response === undefined) continue;
    assert.equal(hash('sha256', response.body), response_sha256, expected.request_id);
    assert.equal(response.status, expected.status);
  }
}

test('the bundled sample has at least 55 calls of six agents in four dialects, and one that loops', () => {
  const facts = bundled.calls.map((call) => call.expected);
  assert.ok(facts.length >= 55);
  assert.ok(new Set(facts.map((each) => each.agent_id)).size >= 6);
  assert.equal(new Set(facts.map((each) => each.dialect)).size, 4);
  const loop = bundled.calls.filter(
    (call) => call.expected.agent_id === 'ops-loop' && call.tool_arguments.length === 1,
  );
  assert.equal(loop.length, 8);
  assert.equal(new Set(loop.map((call) => call.tool_arguments[0])).size, 1);
});

test('the planted credentials are in the bundled capture and not in the contents of its manifest', () => {
  for (const credential of bundled.capture.credentials) {
    assert.ok(bundledPcap.includes(credential), credential);
    assert.ok(!JSON.stringify(bundled.calls).includes(credential), credential);
  }
});

test('tshark agrees with the bundled manifest', { skip: missingPrograms('tshark') }, () => agree(bundledPcap, bundled));

const unrecordable =
  missingPrograms('tshark', 'tcpdump') ||
  (process.env.CI !== 'true' && process.getuid?.() !== 0 && 'NOT TESTED: recording needs root');

test('a new recording agrees with tshark', { skip: unrecordable }, async () => {
  await withFolder(async (folder) => {
    const path = join(folder, 'demo.pcap');
    const manifest = await record(path);
    assert.equal(manifest.calls.length, bundled.calls.length);
    await agree(readFileSync(path), manifest);
  });
});

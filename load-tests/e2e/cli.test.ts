import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gunzipSync, zstdCompressSync } from 'node:zlib';
import { ask, rebuildRequest } from '../../services/clickhouse/queries.ts';
import { openStore, type Store } from '../../services/clickhouse/store.ts';
import { compare, type Row } from '../compare.ts';
import type { Manifest } from '../manifest.ts';
import { bittern, MAIN, sqlRows, startBittern } from './bittern.ts';

const SAMPLE = fileURLToPath(new URL('../samples/demo.pcap.gz', import.meta.url));
const manifest = JSON.parse(
  readFileSync(new URL('../samples/demo.manifest.json', import.meta.url), 'utf8'),
) as Manifest;
/** So many calls are also looked at through `bittern call`. */
const CALLS_BY_COMMAND = 2;

let folder = '';
let data = '';
/** Keeps the engine running between the commands, which start and stop it otherwise. */
let store: Store;

const rows = (query: string): Promise<Row[]> => ask<Row>(store, query, {});

before(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'bittern-cli-'));
  data = path.join(folder, 'data');
  const { code, stderr } = await bittern(['replay', SAMPLE, '--data', data], { cwd: folder });
  assert.equal(code, 0, stderr);
  // No process runs on the folder here: the command starts the engine itself.
  assert.deepEqual(await sqlRows(data, 'SELECT count() AS calls FROM calls'), [{ calls: manifest.calls.length }]);
  store = await openStore({ dataDir: data, retentionDays: 30, memoryBytesMax: 1e9 });
});

after(async () => {
  await store?.close();
  await rm(folder, { recursive: true, force: true });
});

test('what real SDK clients sent and got is what is stored, field by field', async () => {
  const stored = await rows('SELECT * FROM calls');
  const withRequests: Row[] = [];
  for (const row of stored) {
    const id = String(row.call_id);
    withRequests.push(row.request_skeleton === '' ? row : { ...row, request_json: await rebuildRequest(store, id) });
  }
  for (const { call_id, request_json } of withRequests
    .filter((row) => 'request_json' in row)
    .slice(0, CALLS_BY_COMMAND)) {
    const { stdout } = await bittern(['call', String(call_id), '--json', '--data', data]);
    const { request } = JSON.parse(stdout) as { request: unknown };
    assert.deepEqual(request, JSON.parse(String(request_json)));
  }
  assert.deepEqual(compare(manifest, withRequests).differences, []);
  assert.equal(stored.length, manifest.calls.length);
});

test('replaying the file again, in any compression or by standard input, counts nothing twice', async () => {
  const plain = gunzipSync(readFileSync(SAMPLE));
  const zstd = path.join(folder, 'demo.pcap.zst');
  writeFileSync(zstd, zstdCompressSync(plain));
  for (const [args, input] of [[[SAMPLE]], [[zstd]], [['-'], plain]] as [string[], Buffer?][]) {
    const { code, stdout } = await bittern(
      ['replay', ...args, '--data', data, '--json'],
      input === undefined ? {} : { input },
    );
    assert.equal(code, 0);
    const result = JSON.parse(stdout) as { calls: number; alreadyStored: number };
    assert.equal(result.calls, 0);
    assert.equal(result.alreadyStored, manifest.calls.length + manifest.exchanges.length);
  }
  const [count] = await rows('SELECT count() AS calls, uniqExact(call_id) AS ids FROM calls');
  assert.deepEqual(count, { calls: manifest.calls.length, ids: manifest.calls.length });
});

test('no planted credential is in any table, file or output', async () => {
  assert.ok(manifest.capture.credentials.length >= 5);
  const pcap = gunzipSync(readFileSync(SAMPLE)).toString('latin1');
  const planted = manifest.capture.credentials.filter((credential) => pcap.includes(credential));
  assert.equal(planted.length, manifest.capture.credentials.length, 'the capture itself carries them all');
  const haystacks: [string, string][] = [];
  for (const { name } of await rows(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine NOT LIKE '%View'",
  )) {
    haystacks.push([String(name), JSON.stringify(await rows(`SELECT * FROM ${name}`))]);
  }
  for (const args of [
    ['calls', '-n', '1000'],
    ['calls', '--json', '-n', '1000'],
    ['doctor'],
    ['config'],
    ['frames', SAMPLE, '--json'],
  ]) {
    const { stdout, stderr } = await bittern([...args, ...(args[0] === 'frames' ? [] : ['--data', data])]);
    haystacks.push([args.join(' '), stdout + stderr]);
  }
  for (const entry of readdirSync(data, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) haystacks.push([entry.name, readFileSync(path.join(entry.parentPath, entry.name), 'latin1')]);
  }
  assert.ok(
    haystacks.some(([name, text]) => name === 'contents' && text.length > 10_000),
    'the search looks at something',
  );
  for (const [name, text] of haystacks) {
    // Not `includes` in the message: a failure must not print the credential.
    const found = planted.findIndex((credential) => text.includes(credential));
    assert.equal(found, -1, `credential number ${found} is in ${name}`);
  }
});

test('a damaged capture is stored as far as it goes, reported, and no failure', async () => {
  const plain = gunzipSync(readFileSync(SAMPLE));
  const file = path.join(folder, 'cut.pcap');
  writeFileSync(file, plain.subarray(0, Math.floor(plain.length * 0.6) + 7));
  const { code, stdout } = await bittern(['replay', file, '--data', path.join(folder, 'cut'), '--json']);
  assert.equal(code, 0);
  const result = JSON.parse(stdout) as { calls: number; notes: string[] };
  assert.ok(result.calls > 5 && result.calls < manifest.calls.length);
  assert.ok(result.notes.length > 0);
});

test('wrong usage, a missing file and an unknown call have their own exit codes and sentences', async () => {
  const cases: [string[], number, RegExp][] = [
    [['frobnicate'], 2, /no command 'frobnicate'/],
    [['replay'], 2, /Usage: bittern replay/],
    [['calls', '--nonsense'], 2, /nonsense/],
    [['calls', '-n', 'many'], 2, /--limit must be/],
    [['replay', '/nowhere.pcap', '--data', data], 1, /nowhere\.pcap/],
    [['replay', MAIN, '--data', data], 1, /pcap/],
    [['call', 'f'.repeat(32), '--data', data], 3, /no call/],
    [['call', 'xyz', '--data', data], 2, /not a call id/],
    [['sql', 'SELEKT 1', '--data', data], 1, /ClickHouse says/],
    [['capture'], 2, /interface/],
  ];
  for (const [args, code, message] of cases) {
    const ran = await bittern(args, { cwd: folder });
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.stderr}`);
    assert.match(ran.stderr, message);
    assert.doesNotMatch(ran.stderr, /\n\s+at /, 'no stack trace');
  }
});

test('every command explains itself', async () => {
  const { stdout } = await bittern(['--help']);
  const names = ['demo', 'replay', 'capture', 'up', 'calls', 'call', 'sql', 'doctor', 'config', 'frames'];
  const helps = await Promise.all(names.map((name) => bittern([name, '--help'])));
  helps.forEach((help, at) => {
    assert.match(stdout, new RegExp(`^  ${names[at]} `, 'm'));
    assert.equal(help.code, 0);
    assert.match(help.stdout, /Examples:/);
  });
});

test('the database can be asked while another process runs on it, and the API wants its token', async (t) => {
  await store.close();
  const server = startBittern(['up', '--port', '0', '--data', data], { cwd: folder });
  t.after(() => server.child.kill('SIGKILL'));
  const [printed, url] = await server.shows(/API on (http:\S+)\s+curl .*/);
  const token = readFileSync(path.join(data, 'api-token'), 'utf8').trim();
  assert.ok(!printed.includes(token), 'the token stays in its file');
  assert.equal((await fetch(`${url}/api/v1/calls`)).status, 401);
  const answer = await fetch(`${url}/api/v1/calls?limit=3`, { headers: { authorization: `Bearer ${token}` } });
  const page = (await answer.json()) as { calls: { callId: string }[]; next: string };
  assert.equal(page.calls.length, 3);
  const [count] = await sqlRows(data, 'SELECT count() AS calls FROM calls');
  assert.equal(count?.calls, manifest.calls.length);
  server.child.kill('SIGTERM');
  assert.equal((await server.ended).code, 0);
});

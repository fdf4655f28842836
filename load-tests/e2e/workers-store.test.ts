/** `bittern` with and without workers, into the real store: the same rows, whatever is killed. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask } from '../../services/clickhouse/queries.ts';
import { openStore, type Store } from '../../services/clickhouse/store.ts';
import { compare, type Row } from '../compare.ts';
import { GENERATOR_DEFAULTS, generate } from '../generator/generate.ts';
import { withFolder } from '../testing.ts';
import { bittern, startBittern } from './bittern.ts';
import { capturesOfProbes, independentLosses } from './probes.ts';

/** Of each table all that the traffic tells, and nothing of when it was stored. */
const TABLES: Readonly<Record<string, string>> = {
  calls: 'call_id',
  exchanges: 'exchange_id',
  tool_executions: 'execution_id',
  contents: 'hash',
  capture_health: 'health_id',
};
const WITHOUT: ReadonlySet<string> = new Set(['stored']);
const TWO = { BITTERN_PIPELINE_WORKERS: '2' };

async function withStore<T>(data: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await openStore({ dataDir: data, retentionDays: 0, memoryBytesMax: 1e9 });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

async function rowsOf(store: Store): Promise<Record<string, Row[]>> {
  const all: Record<string, Row[]> = {};
  for (const [table, id] of Object.entries(TABLES)) {
    const rows = await ask<Row>(store, `SELECT * FROM ${table} FINAL ORDER BY ${id}`, {});
    all[table] = rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => !WITHOUT.has(name))));
  }
  return all;
}

async function replay(folder: string, workers: number, args: readonly string[]): Promise<string> {
  const data = path.join(folder, `workers-${workers}`);
  // Fingerprints of credentials are equal under the same key only.
  const key = path.join(folder, 'fingerprint.key');
  writeFileSync(key, 'a key that only tests know');
  const settings = { BITTERN_PIPELINE_WORKERS: `${workers}`, BITTERN_IDENTITY_FINGERPRINT_KEY_FILE: key };
  const { code, stderr } = await bittern(['replay', ...args, '--data', data], { settings });
  assert.equal(code, 0, stderr);
  return data;
}

test('the stored rows are those of one thread: HTTP/1, HTTP/2 and WebSocket, with loss', async () => {
  await withFolder(async (folder) => {
    const traffic = { calls: 150, http2: 0.3, sockets: 0.3, loss: 0.01, reorder: 0.02 };
    const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, seed: 3001, ...traffic });
    const file = path.join(folder, 'traffic.pcap');
    writeFileSync(file, pcap);
    const [one, two] = [await replay(folder, 0, [file]), await replay(folder, 2, [file])];
    const [expected, stored] = [await withStore(one, rowsOf), await withStore(two, rowsOf)];
    assert.ok(stored.calls!.length > 100 && stored.contents!.length > 100 && stored.exchanges!.length > 0);
    assert.deepEqual(stored, expected);
    assert.ok(stored.calls!.length <= manifest.calls.length);
  });
});

test('the same of two captures of the same traffic', async () => {
  await withFolder(async (folder) => {
    const traffic = { ...GENERATOR_DEFAULTS, seed: 3002, calls: 80, midStream: 0, pipelining: 0 };
    const captures = capturesOfProbes(generate(traffic).pcap, independentLosses(0.02, 7));
    const files = Object.entries(captures).map(([name, capture]) => {
      const file = path.join(folder, `${name}.pcap`);
      writeFileSync(file, capture);
      return file;
    });
    const [one, two] = [
      await replay(folder, 0, ['--mirrors', ...files]),
      await replay(folder, 2, ['--mirrors', ...files]),
    ];
    assert.deepEqual(await withStore(two, rowsOf), await withStore(one, rowsOf));
  });
});

test('whenever a process with workers is killed, the next one completes the manifest and doubles nothing', async () => {
  await withFolder(async (folder) => {
    const { pcap, manifest } = generate({ ...GENERATOR_DEFAULTS, seed: 3003, calls: 300, midStream: 0 });
    const file = path.join(folder, 'traffic.pcap');
    writeFileSync(file, pcap);
    const data = path.join(folder, 'data');
    await withStore(data, async (store) => {
      const count = async (): Promise<number> =>
        Number((await ask<{ n: number }>(store, 'SELECT count() AS n FROM calls', {}))[0]!.n);
      // From standard input, so that it is killed in the middle of a capture and of its calls.
      const running = startBittern(['replay', '-', '--data', data], { settings: TWO, input: 'open' });
      running.child.stdin?.write(pcap.subarray(0, Math.floor(pcap.length * 0.6)));
      while ((await count()) === 0) await sleep(50);
      running.child.kill('SIGKILL');
      await running.ended;
      const before = await count();
      assert.ok(before > 0 && before < manifest.calls.length, `${before} calls`);
      const { code, stderr } = await bittern(['replay', file, '--data', data], { settings: TWO });
      assert.equal(code, 0, stderr);
      assert.deepEqual(compare(manifest, await ask<Row>(store, 'SELECT * FROM calls', {})).differences, []);
      assert.equal(await count(), manifest.calls.length);
    });
  });
});

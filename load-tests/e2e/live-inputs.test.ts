import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { compare } from '../compare.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { generate } from '../generator/generate.ts';
import { expectedOf } from '../recorder/expected.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { bittern, type Running, sqlRows, startBittern } from './bittern.ts';

const SAMPLE = gunzipSync(readFileSync(fileURLToPath(new URL('../samples/demo.pcap.gz', import.meta.url))));
const FILE_HEADER_BYTES = 24;

function obstacle(): string | false {
  const missing = missingPrograms('tcpdump');
  if (missing !== false || process.env.CI === 'true') return missing;
  return process.getuid?.() === 0 ? false : 'NOT TESTED: capturing needs root';
}

/** The sample as files of about `size` bytes, each a capture of its own. */
function rotated(size: number): Buffer[] {
  const header = SAMPLE.subarray(0, FILE_HEADER_BYTES);
  const files: Buffer[] = [];
  let start = FILE_HEADER_BYTES;
  for (let at = start; at < SAMPLE.length; ) {
    at += 16 + SAMPLE.readUInt32LE(at + 8);
    if (at - start < size && at < SAMPLE.length) continue;
    files.push(Buffer.concat([header, SAMPLE.subarray(start, at)]));
    start = at;
  }
  return files;
}

async function callsOf(data: string): Promise<number> {
  const [row] = await sqlRows(data, 'SELECT count() AS calls FROM calls');
  return Number(row?.calls);
}

async function sampleCalls(folder: string): Promise<number> {
  const file = path.join(folder, 'sample.pcap');
  writeFileSync(file, SAMPLE);
  const { stdout } = await bittern(['replay', file, '--data', path.join(folder, 'reference'), '--json']);
  return (JSON.parse(stdout) as { calls: number }).calls;
}

async function until(what: () => Promise<boolean>, ms: number): Promise<void> {
  for (const started = Date.now(); !(await what()); await sleep(100)) {
    if (Date.now() - started > ms) throw new Error(`it didn't happen within ${ms} ms`);
  }
}

async function ask(server: FakeLlm, agent: string): Promise<void> {
  const answer = await fetch(`${server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-agent-id': agent },
    body: JSON.stringify({ model: 'gpt-4.1-mini', messages: [{ role: 'user', content: agent }] }),
  });
  await answer.json();
}

/** The tcpdump that `running` started; 0 = there is none now. */
function tcpdumpOf(running: Running): number {
  const tasks = `/proc/${running.child.pid}/task`;
  const children = readdirSync(tasks).flatMap((task) =>
    readFileSync(`${tasks}/${task}/children`, 'utf8').trim().split(' '),
  );
  return Number(
    children.find((pid) => pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'tcpdump') ?? 0,
  );
}

test('a capture from standard input shows calls while it goes on, and stores what came when it is stopped', async () => {
  await withFolder(async (folder) => {
    const data = path.join(folder, 'data');
    const running = startBittern(['capture', '-', '--data', data, '--json'], { input: 'open' });
    const half = Math.floor(SAMPLE.length / 2);
    running.child.stdin!.write(SAMPLE.subarray(0, half));
    await running.shows(/Capturing from standard input/);
    await until(async () => (await callsOf(data)) > 5, 8_000);
    running.child.stdin!.write(SAMPLE.subarray(half));
    running.child.kill('SIGTERM');
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { calls: number }).calls, await sampleCalls(folder));
  });
});

test('a capture from standard input ends with its input', async () => {
  await withFolder(async (folder) => {
    const { code, stdout, stderr } = await bittern(['capture', '-', '--data', path.join(folder, 'data'), '--json'], {
      input: SAMPLE,
    });
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { calls: number }).calls, await sampleCalls(folder));
    const bad = await bittern(['capture', '-', '--data', path.join(folder, 'data')], {
      input: Buffer.from('no capture'),
    });
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /not a capture/);
  });
});

test('a folder is followed while files are written, rotated and renamed, and nothing is read twice', async () => {
  await withFolder(async (folder) => {
    const captures = path.join(folder, 'captures');
    mkdirSync(captures);
    const data = path.join(folder, 'data');
    const files = rotated(SAMPLE.length / 6);
    assert.ok(files.length >= 5);
    writeFileSync(path.join(captures, 'notes.txt'), 'not a capture');
    const running = startBittern(['capture', captures, '--data', data, '--json']);
    await running.shows(/Capturing from/);
    // As with tcpdump -W: few names, used again and again; each file grows in pieces that cut packets in two.
    for (const [index, file] of files.entries()) {
      const name = path.join(captures, `ring${index % 3}`);
      writeFileSync(name, file.subarray(0, 300));
      await sleep(400);
      appendFileSync(name, file.subarray(300));
      await sleep(1_300);
      if (index === 1) renameSync(name, path.join(captures, 'renamed'));
    }
    running.child.kill('SIGINT');
    const { code, stdout, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.equal((JSON.parse(stdout) as { calls: number }).calls, await sampleCalls(folder));
    assert.deepEqual(await sqlRows(data, "SELECT reason FROM capture_health WHERE reason NOT IN ('not_http')"), []);
  });
});

test('a finished folder is replayed in the order of its first packets, whatever the names', async () => {
  await withFolder(async (folder) => {
    const captures = path.join(folder, 'captures');
    mkdirSync(captures);
    const names = ['x.pcap', 'x.pcap10', 'x.pcap9', 'a', 'z', 'm', 'b'];
    const { pcap, manifest } = generate({ seed: 32, calls: 30 });
    const lossy = manifest.calls.filter((call) => call.loss !== 'none');
    assert.deepEqual(lossy, [], 'nothing of this seed is lost, so that calls can be counted');
    writeFileSync(path.join(folder, 'whole.pcap'), pcap);
    rotated(SAMPLE.length / 6).forEach((file, index) => {
      writeFileSync(path.join(captures, names[index % names.length]! + Math.floor(index / names.length)), file);
    });
    writeFileSync(path.join(captures, 'readme'), 'not a capture');
    const data = path.join(folder, 'data');
    const { code, stdout, stderr } = await bittern(['replay', captures, '--data', data, '--json']);
    assert.equal(code, 0, stderr);
    const expected = await sampleCalls(folder);
    assert.equal((JSON.parse(stdout) as { calls: number }).calls, expected);
    // And one more file behind a folder.
    await bittern(['replay', captures, path.join(folder, 'whole.pcap'), '--data', data]);
    assert.equal(await callsOf(data), expected + manifest.calls.length);
  });
});

test('files that tcpdump -G rotates are followed', { skip: obstacle() }, async (t) => {
  const server = await startFakeLlm();
  try {
    await withFolder(async (folder) => {
      const captures = path.join(folder, 'captures');
      mkdirSync(captures);
      const data = path.join(folder, 'data');
      const tcpdump = spawn(
        'tcpdump',
        [
          '-i',
          'lo',
          '-U',
          '-Z',
          'root',
          '-s',
          '0',
          '-G',
          '2',
          '-w',
          path.join(captures, '%s.pcap'),
          `tcp port ${server.port}`,
        ],
        { stdio: ['ignore', 'ignore', 'pipe'] },
      );
      t.after(() => tcpdump.kill('SIGKILL'));
      await once(tcpdump.stderr, 'data');
      await sleep(300);
      const running = startBittern(['capture', captures, '--data', data, '--json']);
      await running.shows(/Capturing from/);
      for (let n = 0; n < 12; n++) {
        await ask(server, `agent-${n}`);
        await sleep(500);
      }
      await sleep(1_500);
      tcpdump.kill('SIGINT');
      await once(tcpdump, 'close');
      running.child.kill('SIGINT');
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.ok(readdirSync(captures).length >= 3, 'tcpdump rotated');
      const capture = {
        type: 'capture',
        source: {},
        packets: 0,
        lost_packets: 0,
        connections: 1,
        credentials: [],
      } as const;
      const manifest = { capture, ...expectedOf(server.served) };
      assert.equal(manifest.calls.length, 12);
      assert.deepEqual(compare(manifest, await sqlRows(data, 'SELECT * FROM calls')).differences, []);
    });
  } finally {
    await server.close();
  }
});

test('two interfaces are one capture, and what both show is one call', { skip: obstacle() }, async () => {
  const server = await startFakeLlm();
  try {
    await withFolder(async (folder) => {
      const data = path.join(folder, 'data');
      const filter = `tcp port ${server.port}`;
      const running = startBittern(['capture', '-i', 'lo', '-i', 'any', '--filter', filter, '--data', data, '--json']);
      await running.shows(/Capturing on lo,any/);
      for (let n = 0; n < 5; n++) await ask(server, `agent-${n}`);
      await sleep(500);
      running.child.kill('SIGINT');
      const { code, stdout, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.equal((JSON.parse(stdout) as { calls: number }).calls, 5);
    });
  } finally {
    await server.close();
  }
});

test('a capture tool that is killed is started again: noted, counted, and later calls are seen', {
  skip: obstacle(),
}, async () => {
  const server = await startFakeLlm();
  try {
    await withFolder(async (folder) => {
      const data = path.join(folder, 'data');
      const running = startBittern([
        'capture',
        '-i',
        'lo',
        '--filter',
        `tcp port ${server.port}`,
        '--data',
        data,
        '--json',
      ]);
      await running.shows(/Capturing on lo/);
      await ask(server, 'before');
      await sleep(1_500);
      const first = tcpdumpOf(running);
      assert.ok(first > 0);
      process.kill(first, 'SIGKILL');
      await until(async () => {
        const next = tcpdumpOf(running);
        return next > 0 && next !== first;
      }, 5_000);
      await sleep(1_500);
      await ask(server, 'after');
      await sleep(500);
      running.child.kill('SIGTERM');
      const { code, stdout, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(JSON.parse(stdout).failure, null);
      assert.deepEqual(await sqlRows(data, 'SELECT agent_id FROM calls ORDER BY request_start'), [
        { agent_id: 'before' },
        { agent_id: 'after' },
      ]);
      assert.deepEqual(
        await sqlRows(data, "SELECT toUInt32(sum(packets)) AS outages FROM capture_health WHERE reason = 'outage'"),
        [{ outages: 1 }],
      );
    });
  } finally {
    await server.close();
  }
});

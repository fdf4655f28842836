import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { BoundedLog } from './engine/log.ts';
import { engineLibrary, type Machine, thisMachine } from './engine/platform.ts';
import { readRuntimeFile } from './engine/runtime-file.ts';
import { applyRetention, loadMigrations, migrate, statements } from './migrations.ts';
import { ask } from './queries.ts';
import { ClickHouseSink } from './sink.ts';
import { openStore, parseStoreUrl, type Store, type StoreOptions } from './store.ts';
import { callRange } from './testing.ts';

const STORE_MODULE = fileURLToPath(new URL('./store.ts', import.meta.url));
const folders: string[] = [];

function newFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'bittern-store-'));
  folders.push(folder);
  return folder;
}

function optionsFor(dataDir: string): StoreOptions {
  return { dataDir, retentionDays: 30, memoryBytesMax: 1e9 };
}

function isAlive(pid: number): boolean {
  try {
    // A zombie still has its pid; its state tells.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assert.fail(`waited in vain until ${what}`);
}

async function countOf(store: Store, table: string): Promise<number> {
  return (await ask<{ n: number }>(store, `SELECT count() AS n FROM ${table}`, {}))[0]!.n;
}

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

describe('an embedded store', () => {
  const dataDir = newFolder();
  let store: Store;

  before(async () => {
    store = await openStore(optionsFor(dataDir));
  });
  after(() => store.close());

  it('listens on loopback only', () => {
    const port = Number(new URL(store.url).port).toString(16).toUpperCase().padStart(4, '0');
    const sockets = ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readFileSync(file, 'utf8').split('\n'));
    const listening = sockets
      .filter((line) => line.includes(`:${port} `) && / 0A /.test(line))
      .map((line) => line.trim());
    assert.equal(listening.length, 1);
    assert.match(listening[0]!, new RegExp(`^\\d+: 0100007F:${port} `));
  });

  it('keeps its password out of process arguments, environments, logs and files that others can read', () => {
    const { password } = readRuntimeFile(path.join(dataDir, 'clickhouse', 'engine.json'))!;
    assert.ok(password.length >= 20);
    for (const file of ['cmdline', 'environ']) {
      assert.ok(!readFileSync(`/proc/${store.enginePid()}/${file}`, 'utf8').includes(password));
    }
    for (const entry of readdirSync(dataDir, { recursive: true, withFileTypes: true })) {
      const file = path.join(entry.parentPath, entry.name);
      if (!entry.isFile()) continue;
      assert.equal(statSync(file).mode & 0o077, 0, `${file} is open to others`);
      if (entry.name !== 'engine.json') assert.ok(!readFileSync(file).includes(password), file);
    }
  });

  it('does not hand our environment on to the engine', () => {
    const names = readFileSync(`/proc/${store.enginePid()}/environ`, 'utf8')
      .split('\0')
      .filter((entry) => entry !== '')
      .map((entry) => entry.split('=')[0]!);
    assert.deepEqual(
      names.filter(
        (name) => !['PATH', 'TZ', 'LANG', 'HOME', 'NODE_CHANNEL_FD', 'NODE_CHANNEL_SERIALIZATION_MODE'].includes(name),
      ),
      [],
    );
  });

  it('refuses strangers', async () => {
    const answer = await fetch(`${store.url}/?query=SELECT+1+FROM+bittern.calls`);
    assert.notEqual(answer.status, 200);
    const wrong = await fetch(`${store.url}/?query=SELECT+1`, {
      headers: { 'X-ClickHouse-User': 'bittern', 'X-ClickHouse-Key': 'no' },
    });
    assert.equal(wrong.status, 403);
  });

  it('is shared with a second process, which leaves it running', async () => {
    const script = `
      const { openStore } = await import(${JSON.stringify(STORE_MODULE)});
      const store = await openStore(${JSON.stringify(optionsFor(dataDir))});
      const rows = await (await store.client.query({ query: 'SELECT 6 * 7 AS x', format: 'JSONEachRow' })).json();
      console.log(JSON.stringify({ x: rows[0].x, owned: store.owned, pid: store.enginePid() }));
      await store.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    assert.deepEqual(JSON.parse(stdout), { x: 42, owned: false, pid: store.enginePid() });
    assert.equal(await countOf(store, 'calls'), 0);
  });

  it('takes its schema twice without a change', async () => {
    assert.deepEqual(await migrate(store.client, loadMigrations()), []);
    assert.equal(await countOf(store, 'schema_migrations'), loadMigrations().length);
  });

  it('refuses an edited migration and a newer database', async () => {
    const migrations = loadMigrations();
    const edited = [{ ...migrations[0]!, sql: `${migrations[0]!.sql}\n` }, ...migrations.slice(1)];
    await assert.rejects(migrate(store.client, edited), { code: 'BIT_SCHEMA_EDITED' });
    await assert.rejects(migrate(store.client, migrations.slice(0, -1)), { code: 'BIT_SCHEMA_NEWER' });
  });

  it('repeats a migration that was cut in the middle', async () => {
    const good = 'CREATE TABLE IF NOT EXISTS half (a UInt8) ENGINE = MergeTree ORDER BY a;\n';
    const migrations = [...loadMigrations(), { version: 9000, name: '9000-half', sql: `${good}SELECT nonsense;\n` }];
    await assert.rejects(migrate(store.client, migrations), { code: 'BIT_SCHEMA_FAILED' });
    migrations[migrations.length - 1] = { version: 9000, name: '9000-half', sql: `${good}SELECT 1;\n` };
    assert.deepEqual(await migrate(store.client, migrations), ['9000-half']);
    await store.client.command({ query: 'DROP TABLE half' });
    await store.client.command({ query: 'DELETE FROM schema_migrations WHERE version = 9000' });
  });

  it('changes the retention of its tables when it is told so, and takes it away at 0', async () => {
    const ttl = async () => {
      const query = "SELECT engine_full AS e FROM system.tables WHERE database = currentDatabase() AND name = 'calls'";
      return / TTL (.*) SETTINGS/.exec((await ask<{ e: string }>(store, query, {}))[0]!.e)?.[1];
    };
    assert.equal(await ttl(), 'stored + toIntervalDay(30)');
    await applyRetention(store.client, 7);
    assert.equal(await ttl(), 'stored + toIntervalDay(7)');
    await applyRetention(store.client, 0);
    assert.equal(await ttl(), undefined);
    await applyRetention(store.client, 30);
  });

  it('can be used as a server by its URL, with the same schema in another database', async () => {
    const { url, user, password } = readRuntimeFile(path.join(dataDir, 'clickhouse', 'engine.json'))!;
    const given = url.replace('//', `//${user}:${password}@`) + '/bittern';
    const server = await openStore({ ...optionsFor('/nonexistent'), url: given });
    assert.deepEqual([server.kind, server.owned, server.url, server.database], ['server', false, url, 'bittern']);
    const sink = new ClickHouseSink(server);
    await sink.add(callRange(0, 10));
    await sink.close();
    assert.equal(await countOf(server, 'calls'), 10);
    await server.close();
    assert.equal(await countOf(store, 'calls'), 10);
    await assert.rejects(
      openStore({ ...optionsFor(dataDir), url: given.replace(password, 'wrong') }),
      (error: Error) => {
        return 'code' in error && error.code === 'BIT_STORE_UNREACHABLE' && !error.message.includes('wrong');
      },
    );
  });
});

describe('the life of the engine', () => {
  it('is ended by close, and leaves no process and no runtime file', async () => {
    const dataDir = newFolder();
    const store = await openStore(optionsFor(dataDir));
    const pid = store.enginePid()!;
    assert.ok(isAlive(pid));
    await store.close();
    assert.ok(!isAlive(pid));
    assert.ok(!existsSync(path.join(dataDir, 'clickhouse', 'engine.json')));
  });

  it('ends with its parent, even when that is killed, and what it left is not taken for a running one', async () => {
    const dataDir = newFolder();
    const script = `
      const { openStore } = await import(${JSON.stringify(STORE_MODULE)});
      const store = await openStore(${JSON.stringify(optionsFor(dataDir))});
      console.log(store.enginePid());
      setInterval(() => {}, 1000);`;
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(await new Promise((resolve) => parent.stdout.once('data', resolve)));
    assert.ok(isAlive(pid));
    parent.kill('SIGKILL');
    await until(() => !isAlive(parent.pid!), 'the parent is dead');
    const store = await openStore(optionsFor(dataDir));
    assert.ok(store.owned);
    assert.notEqual(store.enginePid(), pid);
    await until(() => !isAlive(pid), 'the orphan has ended');
    assert.equal(await countOf(store, 'calls'), 0);
    await store.close();
  });

  it('goes on with a process that shares it when the one that started it ends or is killed', async () => {
    for (const end of ['SIGKILL', 'SIGTERM'] as const) {
      const dataDir = newFolder();
      const script = `
        const { openStore } = await import(${JSON.stringify(STORE_MODULE)});
        const store = await openStore(${JSON.stringify(optionsFor(dataDir))});
        process.on('SIGTERM', async () => process.exit(await store.close()));
        setInterval(() => {}, 1000);
        console.log('ready');`;
      const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => owner.stdout.once('data', resolve));
      const store = await openStore(optionsFor(dataDir));
      assert.ok(!store.owned);
      const sink = new ClickHouseSink(store, { batchRowsMax: 100 });
      await sink.add(callRange(0, 500));
      owner.kill(end);
      await sink.add(callRange(500, 3000));
      await until(() => !isAlive(owner.pid!), 'the owner has ended');
      await sink.add(callRange(3000, 4000));
      await sink.close();
      assert.equal(await countOf(store, 'calls'), 4000);
      await store.close();
      assert.ok(!existsSync(path.join(dataDir, 'clickhouse', 'engine.json')));
    }
  });

  it('does not believe a runtime file of living processes that are no engine', async () => {
    const dataDir = newFolder();
    const first = await openStore(optionsFor(dataDir));
    const file = path.join(dataDir, 'clickhouse', 'engine.json');
    const stale = { ...readRuntimeFile(file)!, enginePid: process.pid, supervisorPid: process.pid };
    await first.close();
    for (const text of [JSON.stringify(stale), '{"url":', '[]', 'null']) {
      writeFileSync(file, text);
      const store = await openStore(optionsFor(dataDir));
      assert.ok(store.owned);
      await store.close();
    }
  });

  it('is started once when two ask at the same time', async () => {
    const dataDir = newFolder();
    const [one, two] = await Promise.all([openStore(optionsFor(dataDir)), openStore(optionsFor(dataDir))]);
    assert.equal(one.enginePid(), two.enginePid());
    assert.deepEqual([one.owned, two.owned].sort(), [false, true]);
    for (const store of one.owned ? [two, one] : [one, two]) await store.close();
  });
});

describe('where the engine cannot run', () => {
  const machine = thisMachine();
  const cases: readonly (readonly [string, Partial<Machine>, RegExp])[] = [
    ['another platform', { platform: 'darwin', arch: 'arm64' }, /linux-x64 only, and this is darwin-arm64/],
    ['musl', { glibc: undefined }, /glibc/],
    ['no AVX2', { cpuinfo: 'flags : sse4_2 avx' }, /AVX2/],
    ['the optional package missing', { library: undefined }, /not installed/],
  ];
  for (const [what, change, reason] of cases) {
    it(`a sentence tells why (${what}) and names CLICKHOUSE_URL`, () => {
      assert.throws(
        () => engineLibrary({ ...machine, ...change }),
        (error: Error) => {
          assert.equal((error as Error & { code: string }).code, 'BIT_ENGINE_UNAVAILABLE');
          assert.match(error.message, reason);
          return /CLICKHOUSE_URL/.test(error.message);
        },
      );
    });
  }
});

describe('a data folder that cannot be written', () => {
  it('is told with what to do', async () => {
    const file = path.join(newFolder(), 'file');
    writeFileSync(file, '');
    await assert.rejects(openStore(optionsFor(file)), { code: 'BIT_DATA_DIR' });
  });
});

describe('the log of the engine', () => {
  it('never takes more than twice its limit, and keeps the end', () => {
    const file = path.join(newFolder(), 'engine.log');
    const log = new BoundedLog(file, 1000);
    for (let i = 0; i < 500; i++) log.write(Buffer.from(`line ${i}\n`));
    log.write(Buffer.from(`${'x'.repeat(5000)}end\n`));
    assert.ok(statSync(file).size <= 1000 && statSync(`${file}.1`).size <= 1000);
    assert.match(readFileSync(file, 'utf8'), /xend\n$/);
    assert.match(readFileSync(`${file}.1`, 'utf8'), /line 499\n$/);
  });
});

describe('CLICKHOUSE_URL', () => {
  it('holds user, password and database, in the path or as a parameter', () => {
    assert.deepEqual(parseStoreUrl('https://me:p%40ss@ch.example:8443/calls_db'), {
      url: 'https://ch.example:8443',
      user: 'me',
      password: 'p@ss',
      database: 'calls_db',
    });
    assert.equal(parseStoreUrl('http://localhost:8123?database=x').database, 'x');
    assert.deepEqual(parseStoreUrl('http://localhost:8123'), {
      url: 'http://localhost:8123',
      user: 'default',
      password: '',
      database: 'bittern',
    });
  });

  it('is refused without repeating it when it is no http URL', () => {
    for (const text of ['localhost:8123', 'tcp://u:secret@h:9000', 'nonsense secret']) {
      assert.throws(
        () => parseStoreUrl(text),
        (error: Error) => !error.message.includes('secret'),
      );
    }
  });
});

describe('statements', () => {
  it('are cut at semicolons at the end of a line, without comments', () => {
    const sql = "-- head; of file\nCREATE TABLE a\n(x String COMMENT 'a; b');\n\n  -- more\nSELECT 1;  \nSELECT 2";
    assert.deepEqual(statements(sql), ["CREATE TABLE a\n(x String COMMENT 'a; b')", 'SELECT 1', 'SELECT 2']);
  });
});

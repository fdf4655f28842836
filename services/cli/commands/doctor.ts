import { execFile } from 'node:child_process';
import { access, constants, mkdir, readFile, stat, statfs } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Store } from '../../clickhouse/store.ts';
import { captureHealth, type Health } from '../../clickhouse/summary.ts';
import { BitternError } from '../../common/errors.ts';
import type { Config } from '../../config/schema.ts';
import { type CommandBody, EXIT } from '../command.ts';
import { openConfiguredStore, readableByOthers } from '../runtime.ts';
import { healthLines, UNWANTED } from '../summary.ts';
import { formatBytes, formatCount } from '../terminal/units.ts';

type Level = 'ok' | 'warning' | 'problem';

interface Finding {
  readonly level: Level;
  readonly subject: string;
  readonly text: string;
}

const NODE_MAJOR = 24;
const DISK_FREE_BYTES_MIN = 2_000_000_000;
const CAP_NET_RAW = 13n;
const run = promisify(execFile);

function nodeVersion(): Finding {
  const major = Number(process.versions.node.split('.')[0]);
  const text = `Node ${process.versions.node}`;
  return major >= NODE_MAJOR
    ? { level: 'ok', subject: 'runtime', text }
    : { level: 'problem', subject: 'runtime', text: `${text}: Node ${NODE_MAJOR} or newer is needed` };
}

/** Root, or the capability to open raw sockets (capabilities(7)). */
async function mayCapture(): Promise<boolean> {
  if (process.geteuid?.() === 0) return true;
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> CAP_NET_RAW) & 1n) === 1n;
}

async function captureTool(config: Config): Promise<Finding> {
  const { tool } = config.capture;
  const subject = 'live capture';
  const version = await run(tool, ['--version']).then(
    ({ stdout, stderr }) => `${stdout}${stderr}`.split('\n')[0] ?? '',
    () => null,
  );
  if (version === null)
    return { level: 'warning', subject, text: `${tool} is not installed: replaying files works, live capture doesn't` };
  if (await mayCapture()) return { level: 'ok', subject, text: version };
  return {
    level: 'warning',
    subject,
    text: `${version}; this user may not capture unless the tool itself may (setcap cap_net_raw,cap_net_admin=eip $(which ${tool}))`,
  };
}

async function dataFolder(config: Config): Promise<Finding[]> {
  const folder = path.resolve(config.dataDir);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await access(folder, constants.W_OK);
    const { bavail, bsize } = await statfs(folder);
    const free = bavail * bsize;
    const level = free < DISK_FREE_BYTES_MIN ? 'warning' : 'ok';
    return [
      { level, subject: 'data folder', text: `${folder}, ${formatBytes(free)} free` },
      ...(await secrets(config, folder)),
    ];
  } catch (error) {
    return [
      { level: 'problem', subject: 'data folder', text: `${folder} can't be written: ${(error as Error).message}` },
    ];
  }
}

async function secrets(config: Config, folder: string): Promise<Finding[]> {
  const files = [
    config.identity.fingerprintKeyFile || path.join(folder, 'fingerprint.key'),
    config.api.tokenFile || path.join(folder, 'api-token'),
  ];
  const findings: Finding[] = [];
  for (const file of files) {
    const exists = await stat(file).then(
      () => true,
      () => false,
    );
    if (exists && (await readableByOthers(file)))
      findings.push({ level: 'warning', subject: 'secrets', text: `others may read ${file}: chmod 600 it` });
  }
  return findings;
}

function captureFindings(health: Health): Finding[] {
  const missed = health.losses.filter((loss) => !UNWANTED.has(loss.reason));
  const findings: Finding[] = missed.map((loss) => ({
    level: 'warning',
    subject: 'capture',
    text: `${loss.reason}: ${formatBytes(loss.bytes)} in ${formatCount(loss.packets)} packets (${loss.stage}, probe ${loss.probe})`,
  }));
  if (health.deadLetters > 0)
    findings.push({
      level: 'problem',
      subject: 'dead letters',
      text: `${formatCount(health.deadLetters)} rows were refused by ClickHouse: SELECT * FROM dead_letters`,
    });
  if (findings.length > 0) return findings;
  const text = health.packets === 0 ? 'nothing captured yet' : (healthLines(health)[0] ?? '');
  return [{ level: 'ok', subject: 'capture', text: health.packets === 0 ? text : `${text} Nothing missed.` }];
}

async function storeFindings(config: Config): Promise<Finding[]> {
  let store: Store;
  try {
    store = await openConfiguredStore(config);
  } catch (error) {
    const text = error instanceof BitternError ? error.message : String(error);
    return [{ level: 'problem', subject: 'ClickHouse', text }];
  }
  try {
    const result = await store.client.query({
      query: 'SELECT version() AS version, (SELECT count() FROM calls) AS calls',
      format: 'JSONEachRow',
    });
    const [row] = await result.json<{ version: string; calls: number }>();
    const text = `${store.kind === 'embedded' ? 'embedded' : store.url}, version ${row?.version ?? '?'}, ${formatCount(row?.calls ?? 0)} calls stored`;
    return [{ level: 'ok', subject: 'ClickHouse', text }, ...captureFindings(await captureHealth(store))];
  } finally {
    await store.close();
  }
}

const MARKS: Readonly<Record<Level, string>> = { ok: '✔', warning: '!', problem: '✘' };

export const doctor: CommandBody = {
  usage: '[options]',
  details: [
    'Checks the runtime, the capture tool and its permission, the data folder, ClickHouse and its schema, and reports every loss that was',
    'counted. ✔ is well, ! limits something, ✘ must be mended. The exit code is 4 when something must be mended.',
  ].join('\n'),
  options: {},
  examples: [['bittern doctor --json | jq .findings', 'for a monitor']],
  positionals: { min: 0, max: 0 },
  run: async ({ loaded, json, print }) => {
    const { config } = loaded;
    const findings = [
      nodeVersion(),
      await captureTool(config),
      ...(await dataFolder(config)),
      ...(await storeFindings(config)),
    ];
    if (json) print(JSON.stringify({ findings }));
    else for (const { level, subject, text } of findings) print(`${MARKS[level]} ${subject.padEnd(13)} ${text}`);
    return findings.some((finding) => finding.level === 'problem') ? EXIT.unhealthy : EXIT.ok;
  },
};

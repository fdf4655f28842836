/**
 * Sends the sample's sessions to a real Phoenix and compares what it shows with what is stored: npm run phoenix -- [--screenshot FILE.png]
 *
 * Through the program as users run it: `bittern replay`, `bittern sink otlp` with the texts allowed. The screenshot is of one call's page
 * (needs `chromium` on the PATH). The first run installs Phoenix, which takes minutes. Exit code 1: something is shown otherwise.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { openStore } from '../../services/clickhouse/store.ts';
import { startBittern } from '../e2e/bittern.ts';
import { screenshot } from './browser.ts';
import { verdictOn } from './check.ts';
import { PHOENIX_VERSION, Phoenix } from './phoenix.ts';
import { type Shown, shownBy } from './shown.ts';
import { type Stored, storedIn } from './stored.ts';

const SAMPLE = fileURLToPath(new URL('../samples/demo.pcap.gz', import.meta.url));
const SHOWN_WITHIN_MS = 60_000;
const PROBLEMS_PRINTED_MAX = 40;

const { values } = parseArgs({ options: { screenshot: { type: 'string' } } });
const folder = mkdtempSync(path.join(tmpdir(), 'bittern-phoenix-'));
const data = path.join(folder, 'data');

async function fill(): Promise<Stored> {
  const { code, stderr } = await startBittern(['replay', SAMPLE, '--data', data]).ended;
  if (code !== 0) throw new Error(`bittern replay ended with ${code}: ${stderr}`);
  const store = await openStore({ dataDir: data, retentionDays: 0, memoryBytesMax: 1e9 });
  return storedIn(store).finally(() => store.close());
}

async function send(endpoint: string, spans: number): Promise<void> {
  const config = path.join(folder, 'bittern.yaml');
  const otlp = { endpoint, content: true, backfill: true, metrics: false, logs: false, settleMs: 0, quietMs: 0 };
  writeFileSync(config, JSON.stringify({ dataDir: data, otlp }));
  const sink = startBittern(['sink', 'otlp', '--config', config]);
  await sink.shows(new RegExp(`otlp: ${spans} spans sent`));
  sink.child.kill('SIGTERM');
  await sink.ended;
}

/** It answers before it has stored. */
async function whenShown(phoenix: Phoenix, spans: number): Promise<Shown> {
  for (const began = Date.now(); ; await sleep(500)) {
    const shown = await shownBy(phoenix);
    if (shown.spans.length >= spans || Date.now() - began > SHOWN_WITHIN_MS) return shown;
  }
}

let phoenix: Phoenix | null = null;
try {
  const stored = await fill();
  phoenix = await Phoenix.start();
  const spans = stored.turns.length + stored.calls.length + stored.tools.length;
  await send(phoenix.url, spans);
  const shown = await whenShown(phoenix, spans);
  const { compared, problems } = verdictOn(shown, stored);
  console.log(`Phoenix ${PHOENIX_VERSION}: ${shown.spans.length} spans, ${shown.sessions.length} sessions.`);
  console.log([...compared].map(([name, count]) => `${name} ${count}`).join(', '));
  for (const problem of problems.slice(0, PROBLEMS_PRINTED_MAX)) console.log(problem);
  console.log(problems.length === 0 ? 'All of it is as stored.' : `${problems.length} differences.`);
  if (values.screenshot !== undefined) screenshot(phoenix.url, shown, values.screenshot);
  process.exitCode = problems.length === 0 ? 0 : 1;
} finally {
  await phoenix?.stop();
  rmSync(folder, { recursive: true, force: true });
}

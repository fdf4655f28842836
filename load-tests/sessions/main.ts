/**
 * Plays sessions of all clients for any seeds and compares what the tracker makes of them:
 *
 *     sh scripts/node.sh load-tests/sessions/main.ts [--seed 1] [--seeds 20] [--scene N] [--shuffled]
 *
 * Exit code 1: a row differs from what was played.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { openStore } from '../../services/clickhouse/store.ts';
import { playSessions } from './generate.ts';
import { SCENES } from './scenes.ts';
import { emptyStore } from './track.ts';
import { sessionDifferences } from './verify.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    scene: { type: 'string' },
    shuffled: { type: 'boolean', default: false },
  },
});

const SHOWN = 20;
const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-sessions-'));
const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
const scenes = values.scene === undefined ? SCENES : [SCENES[Number(values.scene)]!];
let differing = 0;
for (let seed = Number(values.seed); seed < Number(values.seed) + Number(values.seeds); seed++) {
  await emptyStore(store);
  const stage = playSessions(seed, scenes);
  const differences = await sessionDifferences(store, stage, { seed, shuffled: values.shuffled });
  const verdict = differences.length === 0 ? 'equal' : `${differences.length} differences`;
  process.stdout.write(`seed ${seed}: ${stage.calls.length} calls, ${stage.sessions.length} sessions: ${verdict}\n`);
  for (const difference of differences.slice(0, SHOWN)) process.stdout.write(`  ${difference}\n`);
  if (differences.length > 0) differing++;
}
await store.close();
rmSync(dataDir, { recursive: true });
process.exitCode = differing === 0 ? 0 : 1;

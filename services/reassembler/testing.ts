/** For tests: reassemblers that die and are taken over, and what came out of all of them. */
import assert from 'node:assert/strict';
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import { createCredentialMasker } from '../http/credentials.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { PartitionReassembler, type Progress, type ReassemblerOptions } from './partition.ts';

/** When the first frame is published, by the partition's clock. */
const START_MS = 1_795_000_000_000;
const masker = createCredentialMasker(Buffer.from('only for tests'));

function idOf(observation: Observation): string {
  switch (observation.type) {
    case 'call':
      return observation.call.callId;
    case 'tool_execution':
      return observation.execution.executionId;
    case 'exchange':
      return observation.exchange.exchangeId;
  }
}

/** The facts without what a cold cache may tell again. */
function factsOf(observation: Observation): string {
  const { contents: _contents, ...facts } = { contents: [], ...observation };
  return JSON.stringify(facts);
}

class Collected {
  readonly facts = new Map<string, string>();

  add(observations: readonly Observation[], when: string): void {
    for (const observation of observations) {
      const id = idOf(observation);
      const facts = factsOf(observation);
      const before = this.facts.get(id);
      if (before === undefined) this.facts.set(id, facts);
      else assert.equal(facts, before, `${when}: the same id again with other facts`);
    }
  }
}

/** Facts by id. `msPerFrame`: how far apart frames are published. */
export function undisturbed(
  options: ReassemblerOptions,
  frames: readonly Frame[],
  msPerFrame = 0,
): Map<string, string> {
  const collected = new Collected();
  const partition = new PartitionReassembler(options, masker, null);
  frames.forEach((frame, offset) => {
    partition.feed(frame, offset, START_MS + offset * msPerFrame);
  });
  partition.end();
  collected.add(partition.takeReady(), 'undisturbed');
  return collected.facts;
}

/** Crashes after `lives[n]` frames each; commits every `commitEvery` frames. What isn't committed is read again. */
export function withCrashes(
  options: ReassemblerOptions,
  frames: readonly Frame[],
  lives: readonly number[],
  commitEvery: number,
  msPerFrame = 0,
): Map<string, string> {
  const collected = new Collected();
  let committed: Progress = { offset: 0, metadata: '' };
  for (let life = 0; ; life++) {
    const partition = new PartitionReassembler(options, masker, decodeCheckpoint(committed.metadata));
    const last = life < lives.length ? Math.min(frames.length, committed.offset + (lives[life] ?? 1)) : frames.length;
    for (let offset = committed.offset, fed = 1; offset < last; offset++, fed++) {
      partition.feed(frames[offset]!, offset, START_MS + offset * msPerFrame);
      collected.add(partition.takeReady(), `life ${life}`);
      if (fed % commitEvery === 0) {
        const progress = partition.progress(offset + 1);
        assert.ok(progress.offset >= committed.offset, 'the watermark never goes back');
        committed = progress;
      }
    }
    if (life < lives.length) continue;
    partition.end();
    collected.add(partition.takeReady(), 'end');
    return collected.facts;
  }
}

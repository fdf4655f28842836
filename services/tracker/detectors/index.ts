/** The detectors of one thread. A new one is a file beside these and a line here. */
import { AnswerDetector } from './answers.ts';
import { CompactionDetector } from './compaction.ts';
import { CycleDetector } from './cycle.ts';
import type { Detector } from './detector.ts';
import { ErrorDetector } from './errors.ts';
import { GrowthDetector } from './growth.ts';
import { RepeatDetector } from './repeat.ts';

export function threadDetectors(): Detector[] {
  const cycles = new CycleDetector();
  return [
    cycles,
    new RepeatDetector((key) => cycles.covers(key)),
    new ErrorDetector(),
    new AnswerDetector(),
    new CompactionDetector(),
    new GrowthDetector(),
  ];
}

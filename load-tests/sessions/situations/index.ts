/** All labelled situations. */
import { AGENTS } from './agents.ts';
import { ANSWERS_AND_CONTEXT } from './answers-and-context.ts';
import { CYCLES } from './cycles.ts';
import { POLLS_AND_ERRORS } from './polls-and-errors.ts';
import { REPEATS } from './repeats.ts';
import type { Situation } from './situation.ts';

export const SITUATIONS: readonly Situation[] = [
  ...REPEATS,
  ...CYCLES,
  ...POLLS_AND_ERRORS,
  ...ANSWERS_AND_CONTEXT,
  ...AGENTS,
];

/** Sessions of all clients from a seed, interleaved. */
import { SCENES, type Scene } from './scenes.ts';
import { Stage } from './stage.ts';

const SPAN_US = 120_000_000;

/** The same seed gives the same sessions. `scenes`: which of them; all when left out. */
export function playSessions(seed: number, scenes: readonly Scene[] = SCENES): Stage {
  const stage = new Stage(seed);
  for (const scene of scenes) scene(stage, stage.random.int(0, SPAN_US));
  return stage;
}

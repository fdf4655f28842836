/** Sessions of all clients from a seed, interleaved. */
import type { WireClient } from './client.ts';
import { chatOnly, chatSdk, geminiSdk, messagesSdk, responsesSdk } from './clients/plain.ts';
import type { Line } from './line.ts';
import { Stage } from './stage.ts';

const SPAN_US = 120_000_000;

export type Scene = (stage: Stage, startUs: number) => void;

const text = ({ stage }: Line, what: string): string => `${what} ${stage.random.hex(8)}`;

/** Turns with tools, and things that go wrong. */
export function converse(line: Line): void {
  const { random } = line.stage;
  for (let turns = random.int(1, 3); turns > 0; turns--) {
    line.user(text(line, 'Please look after'));
    for (let steps = line.client.tools.length === 0 ? 0 : random.int(0, 4); steps > 0; steps--) {
      if (random.chance(0.12)) line.fails(random.pick(['rate_limited', 'overloaded']));
      if (line.client.streaming && random.chance(0.08)) line.breaks(random.pick(['upstream', 'event']));
      line.asks(
        Array.from({ length: random.weighted({ 1: 6, 2: 2, 3: 1 }) === '1' ? 1 : 2 }, () => {
          const failed = random.chance(0.15);
          const result = failed ? `Error: ${text(line, 'no such thing')}` : text(line, 'found');
          return { name: random.pick(line.client.tools).name, args: { path: text(line, 'a') }, result, failed };
        }),
      );
    }
    line.says(text(line, 'It is done:'), { finish: random.chance(0.1) ? 'length' : 'stop' });
    line.waits(random.int(1, 40));
  }
}

const plain =
  (client: WireClient): Scene =>
  (stage, startUs) =>
    converse(stage.begin(stage.who(client), startUs));

export const SCENES: readonly Scene[] = [
  plain(chatSdk),
  plain(chatOnly),
  plain(messagesSdk),
  plain(responsesSdk),
  plain(geminiSdk),
];

/** The same seed gives the same sessions. */
export function playSessions(seed: number): Stage {
  const stage = new Stage(seed);
  for (const scene of SCENES) scene(stage, stage.random.int(0, SPAN_US));
  return stage;
}

/** What conversations are made of, for any client: turns with tools, subagents, side calls, and things that go wrong. */
import type { Line, ScriptedTool } from './line.ts';

/** Words that no other call has. */
export const words = ({ stage }: Line, what: string): string => `${what} ${stage.random.hex(8)}`;

/** Some turns. `before`: what the client does before a turn's first step. */
export function converse(line: Line, before: (line: Line) => void = () => {}): void {
  const { random } = line.stage;
  for (let turns = random.int(1, 3); turns > 0; turns--) {
    line.user(words(line, 'Please look after'));
    before(line);
    work(line);
    line.says(words(line, 'It is done:'), { finish: random.chance(0.1) ? 'length' : 'stop' });
    line.waits(random.int(1, 40));
  }
}

/** Some steps with tools. */
export function work(line: Line): void {
  const { random } = line.stage;
  for (let steps = line.client.tools.length === 0 ? 0 : random.int(0, 4); steps > 0; steps--) {
    if (random.chance(0.12)) line.fails(random.pick(['rate_limited', 'overloaded']));
    if (line.client.streaming && random.chance(0.08)) line.breaks(random.pick(['upstream', 'event']));
    const tools = Array.from({ length: Number(random.weighted({ 1: 6, 2: 2, 3: 1 })) }, () => oneTool(line));
    line.asks(tools);
  }
}

function oneTool(line: Line): ScriptedTool {
  const { random } = line.stage;
  const failed = random.chance(0.15);
  const result = failed ? `Error: ${words(line, 'no such thing')}` : words(line, 'found');
  const name = random.pick(['read_file', 'edit_file', 'search', 'bash', 'mcp__birds__look']);
  return { name, args: { path: words(line, 'a') }, result, failed };
}

/** A tool call that hands a task to a subagent, and what that does. */
export function delegate(line: Line): ScriptedTool {
  const { tool, task } = line.client.spawn!;
  const prompt = words(line, 'Find out about');
  return {
    name: tool,
    args: { description: 'Look', [task]: prompt },
    agent: (child) => {
      child.user(prompt);
      work(child);
      child.says(words(child, 'Found out:'));
    },
  };
}

export function title(line: Line): void {
  if (line.turns.length > 0) return;
  const turns = [{ role: 'user' as const, text: line.prompts[0]! }];
  line.side('title', { system: 'Generate a short title.', turns, text: '{"title":"Reeds"}' });
}

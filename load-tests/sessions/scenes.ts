/** What agents do, as scenes. Each plays one session or several, in a time of its own. */
import type { Turn } from '../dialects/dialect.ts';
import type { WireClient } from './client.ts';
import { chained } from './clients/chained.ts';
import { cline, continueCli, openclaw, QWEN_COMPACTION, qwenCode } from './clients/chat-agents.ts';
import { CLAUDE_COMPACTION, claudeCode, claudeOpening } from './clients/claude-code.ts';
import { CODEX_OPENING, codex } from './clients/codex.ts';
import { geminiCli, ROUTER } from './clients/gemini-cli.ts';
import { opencode } from './clients/opencode.ts';
import { chatOnly, chatSdk, geminiSdk, messagesSdk, responsesSdk } from './clients/plain.ts';
import { Line } from './line.ts';
import type { Stage, Who } from './stage.ts';
import { converse, delegate, title, words, work } from './talk.ts';

export type Scene = (stage: Stage, startUs: number) => void;

const plain =
  (client: WireClient, change: (stage: Stage) => Partial<Who> = () => ({})): Scene =>
  (stage, startUs) =>
    converse(stage.begin(stage.who(client, change(stage)), startUs));

/** One subagent, then two at once. */
const delegating =
  (client: WireClient, before: (line: Line) => void = () => {}): Scene =>
  (stage, startUs) => {
    const line = stage.begin(stage.who(client), startUs);
    converse(line, before);
    line.user(words(line, 'Have it done'));
    before(line);
    line.asks([delegate(line)]);
    line.asks([delegate(line), delegate(line)]);
    line.says(words(line, 'All done:'));
  };

/** It carries what was said so far, without tools. */
function route(line: Line): void {
  const turns = line.history.flatMap((turn): Turn[] => {
    if (turn.role === 'tool' || (turn.role === 'assistant' && turn.text === '')) return [];
    return turn.role === 'assistant' ? [{ ...turn, toolCalls: [] }] : [turn];
  });
  line.side('router', { ...ROUTER, turns });
}

const claudeCompacting: Scene = (stage, startUs) => {
  const line = stage.begin(stage.who(claudeCode), startUs);
  converse(line, title);
  line.user(words(line, 'Go on for long'));
  work(line);
  line.uses('read_file', { path: words(line, 'p') }, words(line, 'r'));
  const turns = [...line.history, { role: 'user' as const, text: CLAUDE_COMPACTION }];
  line.compacts(words(line, 'Summary:'), { turns, tools: true }, (summary) => [
    { role: 'user', text: claudeOpening(summary) },
  ]);
  line.uses('read_file', { path: words(line, 'p') }, words(line, 'r'));
  line.says(words(line, 'Done after all:'));
  converse(line.waits(700));
};

const codexCompacting: Scene = (stage, startUs) => {
  const line = stage.begin(stage.who(codex), startUs);
  converse(line);
  line.user(words(line, 'Go on for long'));
  line.uses('bash', { command: 'ls' }, words(line, 'r'));
  const users = line.prompts.map((text) => ({ role: 'user' as const, text }));
  line.compacts(words(line, 'Summary:'), {}, (summary) => [
    ...users,
    { role: 'user', text: `${CODEX_OPENING}\n${summary}` },
  ]);
  line.fails('rate_limited').fails('overloaded');
  line.uses('bash', { command: 'ls' }, words(line, 'r'));
  line.says(words(line, 'Done after all:'));
  converse(line);
};

const qwenCompacting: Scene = (stage, startUs) => {
  const line = stage.begin(stage.who(qwenCode), startUs);
  converse(line);
  line.user(words(line, 'Go on for long'));
  line.uses('bash', { command: 'ls' }, words(line, 'r'));
  const summary = `<state_snapshot>${words(line, 'sum')}</state_snapshot>`;
  line.compacts(summary, { system: QWEN_COMPACTION }, () => [
    { role: 'user', text: summary },
    { role: 'assistant', text: 'Got it. Thanks for the additional context!', toolCalls: [] },
  ]);
  line.uses('bash', { command: 'pwd' }, words(line, 'r'));
  line.says(words(line, 'Done after all:'));
};

/** Its finishing tool is never answered. */
const clineTask: Scene = (stage, startUs) => {
  const line = stage.begin(stage.who(cline), startUs);
  line.user(words(line, 'Build it'));
  work(line);
  line.uses('attempt_completion', { result: words(line, 'built') }, null);
};

/** One session header, several conversations in it, at the same time. */
const manyThreads: Scene = (stage, startUs) => {
  const who = { 'x-agent-id': 'planner', 'x-user-id': 'mara', 'x-team-id': 'birds' };
  const added = { 'x-session-id': `job-${stage.random.hex(6)}`, ...who };
  const line = stage.begin(stage.who(chatSdk, { added }), startUs);
  const other = new Line(stage, line.session, null, line.clock + 400_000);
  converse(line);
  converse(other);
};

/** Many equal agents behind one address and key, with equal prompts: their first tool calls tell them apart. */
const swarm: Scene = (stage, startUs) => {
  const who = stage.who(messagesSdk);
  const prompt = `Work on the queue ${stage.random.hex(4)}`;
  for (let i = 0; i < 6; i++) {
    const line = stage.begin(who, startUs + i * 150_000);
    line.user(prompt).uses('search', { query: 'next' }, 'the same for all');
    line.uses('search', { query: 'next' }, 'the same for all').says('Done.');
  }
};

/** Text only, the same for all: nothing tells them apart. */
const twins: Scene = (stage, startUs) => {
  const who = stage.who(chatOnly);
  for (let i = 0; i < 5; i++) {
    const line = stage.begin(who, startUs + i * 40_000, 'twins');
    line.user('Hello').says('Hello!').user('Bye').says('Bye!');
  }
};

/** The user takes the last words back and says something else; in the end the client hangs up. */
const edited: Scene = (stage, startUs) => {
  const line = stage.begin(stage.who(responsesSdk), startUs);
  line.user(words(line, 'One')).uses('search', { query: 'a' }, 'found').says(words(line, 'first'));
  line.user(words(line, 'Two')).says(words(line, 'second'));
  line.rewrites((history) => history.slice(0, -2));
  line.user(words(line, 'Two, but better')).says(words(line, 'third'));
  line.user(words(line, 'Stop early')).breaks('client');
};

/** A person resumes after an hour. */
const resumed =
  (client: WireClient): Scene =>
  (stage, startUs) => {
    const line = stage.begin(stage.who(client), startUs);
    converse(line);
    converse(line.waits(3600));
  };

const named = (stage: Stage): Partial<Who> => ({
  added: { 'x-conversation-id': `c-${stage.random.hex(5)}`, 'x-agent-id': 'support' },
});

export const SCENES: readonly Scene[] = [
  plain(chatSdk),
  plain(chatOnly),
  plain(messagesSdk),
  plain(responsesSdk),
  plain(geminiSdk),
  plain(chained),
  plain(openclaw),
  plain(continueCli),
  plain(chatSdk, named),
  delegating(claudeCode, title),
  delegating(codex),
  delegating(opencode, title),
  delegating(geminiCli, route),
  delegating(qwenCode),
  delegating(chatSdk),
  claudeCompacting,
  codexCompacting,
  qwenCompacting,
  clineTask,
  manyThreads,
  swarm,
  twins,
  edited,
  resumed(claudeCode),
  resumed(messagesSdk),
];

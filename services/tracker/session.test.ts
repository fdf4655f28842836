import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Turn } from '../../schemas/story.ts';
import type { CallId } from '../common/types.ts';
import { DETECTOR_DEFAULTS } from './detectors/settings.ts';
import { byTime, type StoredFacts } from './facts.ts';
import { digest } from './ids.ts';
import { retell, SessionStory } from './session.ts';
import { START, Thread, tellAll } from './testing.ts';

test('a turn goes from the words of a user to the final answer, with its tool calls and their results', () => {
  const thread = new Thread()
    .user('Where do bitterns live?')
    .asks([
      { name: 'search', args: '{"q":1}', result: 'reeds' },
      { name: 'mcp__birds__look', args: '{"q":2}', result: 'no such bird', error: true },
    ])
    .answers('In reeds.')
    .user('And herons?')
    .answers('Everywhere.');
  const { sessions, turns, toolCalls, corrections, findings } = tellAll(thread.calls);
  assert.deepEqual(
    turns.map(({ ordinal, outcome, calls, toolCalls: tools, toolErrors, promptPreview, answerPreview }) => [
      ...[ordinal, outcome, calls, tools, toolErrors, promptPreview, answerPreview],
    ]),
    [
      [1, 'answered', 2, 2, 1, 'Where do bitterns live?', 'In reeds.'],
      [2, 'answered', 1, 0, 0, 'And herons?', 'Everywhere.'],
    ],
  );
  assert.deepEqual(
    toolCalls.map(({ toolName, mcpServer, isError, resultPreview, durationMs, turnId }) => [
      ...[toolName, mcpServer, isError, resultPreview, durationMs, turnId === turns[0]!.turnId],
    ]),
    [
      ['search', '', false, 'reeds', 500, true],
      ['mcp__birds__look', 'birds', true, 'no such bird', 500, true],
    ],
  );
  const [session] = sessions;
  assert.deepEqual(
    [
      session!.turns,
      session!.calls,
      session!.toolCalls,
      session!.toolErrors,
      session!.firstPrompt,
      session!.lastAnswer,
    ],
    [2, 3, 2, 1, 'Where do bitterns live?', 'Everywhere.'],
  );
  assert.deepEqual([session!.costUsd, session!.inputTokens, session!.ambiguous], [0.003, 3000, false]);
  assert.deepEqual([corrections, findings], [[], []]);
});

test('attempts of one request are one step', () => {
  const thread = new Thread().user('Hello').fails().fails().answers('Hi');
  const { turns, sessions } = tellAll(thread.calls);
  assert.deepEqual([turns[0]!.calls, turns[0]!.retries, turns[0]!.outcome], [1, 2, 'answered']);
  assert.deepEqual([sessions[0]!.calls, sessions[0]!.retries], [1, 2]);
});

test('a first request that failed under another thread goes with the attempt that succeeded', () => {
  const failed = new Thread({ thread: 'none' }).user('Hello').fails();
  const thread = new Thread({}, 5).user('Hello').answers('Hi').user('More').answers('No');
  const { turns, sessions, corrections } = tellAll([...failed.calls, ...thread.calls]);
  assert.deepEqual(
    turns.map(({ calls, retries }) => [calls, retries]),
    [
      [1, 1],
      [1, 0],
    ],
  );
  assert.equal(sessions[0]!.turns, 2);
  assert.ok(corrections.length > 0, 'the rows of one of the threads say the other one');
});

/** The turns' rows after calls that came in this order, each looked at by itself. */
function turnsInOrder(calls: readonly StoredFacts[]): Map<string, Turn> {
  const rows = new Map<string, Turn>();
  let story = new SessionStory('session', DETECTOR_DEFAULTS);
  for (const [n, call] of calls.entries()) {
    if (!story.add(call)) {
      story = new SessionStory('session', DETECTOR_DEFAULTS, story.told, story.book.ids);
      retell(story, calls.slice(0, n + 1));
    }
    const { turns, goneTurns } = story.tell();
    for (const turn of turns) rows.set(turn.turnId, turn);
    for (const id of goneTurns) rows.delete(id);
  }
  return new Map([...rows].sort());
}

/** One after another and at the same time (a pipelining client), asked again after an answer, or in two conversations. */
const FAILURES: Readonly<Record<string, readonly StoredFacts[]>> = {
  pipelined: (() => {
    const failed = new Thread({ thread: 'none' }).user('Hello').fails({ callId: '5' as CallId });
    const thread = new Thread().user('Hello').answers('Hi', { callId: '7' as CallId });
    thread.user('More').answers('No', { callId: '6' as CallId, start: START });
    return [...failed.calls, ...thread.calls];
  })(),
  'asked again': [
    ...new Thread().user('Hello').answers('Hi').calls,
    ...new Thread({ thread: 'none' }, 5).user('Hello').fails().calls,
    ...new Thread({}, 9).user('Hello').answers('Hi').calls,
  ],
  'tried in vain, and in another conversation': [
    ...new Thread({ thread: 'none' }).user('Hello').fails().fails().calls,
    ...new Thread({}, 5).user('First').answers('Hi').user('Second').answers('Ho').calls,
    ...new Thread({ thread: 'other' }, 9).user('Hello').answers('Hi').calls,
  ],
};

for (const [what, calls] of Object.entries(FAILURES)) {
  test(`a first request that failed goes where its attempt is, however the calls come: ${what}`, () => {
    const wanted = turnsInOrder([...calls].sort(byTime));
    assert.ok([...wanted.values()].some(({ retries }) => retries > 0));
    for (const order of permutations(calls)) assert.deepEqual(turnsInOrder(order), wanted);
  });
}

function permutations<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((item, n) => permutations(items.toSpliced(n, 1)).map((rest) => [item, ...rest]));
}

test('side calls cost, and tell nothing of the story', () => {
  const thread = new Thread().user('Hello').answers('Hi').user('More').answers('No');
  const title = new Thread({ thread: 'title' }, 0.2).side('title', { turnId: '', costUsd: 0.5 });
  const { turns, sessions, corrections } = tellAll([...title.calls, ...thread.calls]);
  assert.deepEqual(
    turns.map(({ sideCalls, costUsd, calls }) => [sideCalls, costUsd, calls]),
    [
      [1, 0.501, 1],
      [0, 0.001, 1],
    ],
  );
  assert.deepEqual([sessions[0]!.sideCalls, sessions[0]!.calls, sessions[0]!.costUsd], [1, 2, 0.502]);
  assert.deepEqual(
    corrections.map(({ callId, turnId }) => [callId, turnId]),
    [[title.calls[0]!.callId, turns[0]!.turnId]],
  );
});

test('side calls before a turn are its own, however many, and whenever it was looked', () => {
  const thread = new Thread().user('Hello').answers('Hi').user('More');
  thread.side('router', { turnId: '' }).side('title', { turnId: '' }).answers('No');
  const story = new SessionStory('session', DETECTOR_DEFAULTS);
  const told = thread.calls.map((call) => {
    story.add(call);
    return story.tell();
  });
  const turns = new Map(told.flatMap((each) => each.turns).map((turn) => [turn.ordinal, turn.sideCalls]));
  assert.deepEqual(
    [...turns],
    [
      [1, 0],
      [2, 2],
    ],
  );
});

test('subagents belong to the turn of the tool call that handed their task over, in parallel and below each other', () => {
  const main = new Thread().user('Do all').asks([
    { name: 'Agent', task: 'part one', result: 'done', agent: 'a1' },
    { name: 'Agent', task: 'part two', result: 'done too' },
  ]);
  main.waits(30).answers('All done');
  const one = new Thread({ thread: 'a1', kind: 'subagent' }, 2)
    .user('Part one, in other words')
    .asks([{ name: 'Task', task: 'deeper', result: 'ok' }]);
  one.waits(10).answers('one');
  const two = new Thread({ thread: 'x2', kind: 'subagent' }, 3).user('part two').answers('two');
  const deep = new Thread({ thread: 'x3', kind: 'subagent' }, 5).user('deeper').answers('deep');
  const { turns, sessions, toolCalls, corrections } = tellAll([
    ...main.calls,
    ...one.calls,
    ...two.calls,
    ...deep.calls,
  ]);
  assert.equal(turns.length, 1);
  const [turn] = turns;
  assert.deepEqual(
    [turn!.calls, turn!.subagentCalls, turn!.subagents, turn!.toolCalls, turn!.costUsd],
    [2, 4, 3, 3, 0.006],
  );
  assert.deepEqual([sessions[0]!.turns, sessions[0]!.subagents, sessions[0]!.subagentCalls], [1, 3, 4]);
  const started = toolCalls.map(({ toolName, subagentThreadId, turnId }) => [
    toolName,
    subagentThreadId,
    turnId === turn!.turnId,
  ]);
  const thread = (name: string) => digest('thread', 'session', name);
  assert.deepEqual(
    started.sort(),
    [
      ['Agent', thread('a1'), true],
      ['Agent', thread('x2'), true],
      ['Task', thread('x3'), true],
    ].sort(),
  );
  assert.deepEqual(new Set(corrections.map(({ turnId }) => turnId)), new Set([turn!.turnId]));
  assert.equal(corrections.length, 4);
});

test('a compaction rewrites the history and the turn goes on', () => {
  const thread = new Thread().user('Fix it').asks([{ name: 'read', result: 'a' }]);
  thread.side('compaction', { answerTextHash: 'summary', inputTokens: 9000 });
  const rewritten = {
    turnId: 'other',
    userMessageCount: 0,
    promptHash: '',
    threadPromptHash: '',
    openingHash: 'summary',
  };
  thread.asks([{ name: 'edit', result: 'b' }], rewritten).answers('Fixed', rewritten);
  const { turns, sessions, corrections } = tellAll(thread.calls);
  assert.deepEqual(
    turns.map(({ calls, compactions, outcome }) => [calls, compactions, outcome]),
    [[3, 1, 'answered']],
  );
  assert.deepEqual([sessions[0]!.compactions, corrections.length], [1, 2]);
});

test('calls of one thread that overlap say that nothing tells their agents apart', () => {
  const one = new Thread().user('Hi').answers('Hello', {});
  const other = new Thread({}, 0.1).user('Hi').answers('Hello');
  assert.equal(tellAll([...one.calls, ...other.calls]).sessions[0]!.ambiguous, true);
});

test('a result that only a compaction’s request shows is the tool call’s result', () => {
  const main = new Thread().user('Do it').asks([{ name: 'run' }]);
  const { id } = main.calls[0]!.asked[0]!;
  const results = [{ id, name: 'run', hash: digest('gone'), isError: true, agent: '', preview: 'gone' }];
  main.side('compaction', { results }).answers('Done');
  const sums = main.calls[1]!;
  const tool = tellAll(main.calls).toolCalls.find(({ toolCallId }) => toolCallId === id)!;
  assert.deepEqual([tool.isError, tool.resultCallId, tool.resultSeen], [true, sums.callId, sums.start]);
});

test('a tool that says that the agent is done ends its turn: no request follows', () => {
  const told = tellAll(new Thread().user('Do it').asks([{ name: 'submit_and_exit' }]).calls);
  assert.deepEqual(
    told.turns.map(({ outcome }) => outcome),
    ['answered'],
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ScriptedTool, Thread, tellAll } from '../testing.ts';

const told = (thread: Thread): string[] =>
  tellAll(thread.calls)
    .findings.map(({ kind, level, occurrences }) => `${kind} ${level} ${occurrences}`)
    .sort();

const tool = (name: string, args: string, result: string, error = false): ScriptedTool[] => [
  { name, args: JSON.stringify(args), result, error },
];

test('repeats within a cycle are told once, as the cycle', () => {
  const thread = new Thread().user('Go');
  for (let i = 0; i < 5; i++) thread.asks(tool('read', 'a', 'x')).asks(tool('read', 'b', 'y'));
  assert.deepEqual(told(thread.answers('Done')), ['cycle alert 5']);
});

test('a repeat before and behind a cycle counts on its own', () => {
  const thread = new Thread().user('Go');
  for (let i = 0; i < 5; i++) thread.asks(tool('read', 'a', 'x'));
  for (let i = 0; i < 3; i++) thread.asks(tool('read', 'b', 'x')).asks(tool('read', 'c', 'y'));
  assert.deepEqual(told(thread.answers('Done')), ['cycle note 3', 'exact_repeat alert 5']);
});

test('cycles up to eight actions are found, and a shorter one is not told as a longer one', () => {
  const thread = new Thread().user('Go');
  for (let i = 0; i < 3; i++) for (const path of 'abcdefgh') thread.asks(tool('read', path, path));
  assert.deepEqual(
    told(thread.answers('Done')).filter((text) => text.startsWith('cycle')),
    ['cycle note 3'],
  );
});

test('waiting that gets on ends what was repeated to wait', () => {
  const thread = new Thread().user('Go');
  for (let i = 0; i < 8; i++) thread.asks(tool('bash', 'sleep 5', '')).asks(tool('build_status', '7', `step ${i}`));
  assert.deepEqual(told(thread.answers('Done')), []);
});

test('a failing tool is no storm when something else was changed in between', () => {
  const work = new Thread().user('Go');
  const storm = new Thread().user('Go');
  for (let i = 0; i < 5; i++) {
    work.asks(tool('bash', 'test', 'Error: 1', true)).asks(tool('edit', `try ${i}`, 'ok'));
    storm.asks(tool('bash', `test ${i}`, 'Error: 1', true)).asks(tool('read', `file ${i}`, 'text'));
  }
  assert.deepEqual(told(work.answers('Done')), []);
  assert.deepEqual(told(storm.answers('Done')), ['retry_storm alert 5']);
});

test('who asks the same after a while is a person, who does at once is a program', () => {
  const person = new Thread();
  const program = new Thread();
  for (let i = 0; i < 5; i++) {
    person.user('Up?').answers('Yes').waits(10);
    program.user('Up?').answers('Yes');
  }
  assert.deepEqual(told(person), []);
  assert.deepEqual(told(program), ['repeated_answer alert 5']);
});

test('equal calls of one answer are one occurrence', () => {
  const thread = new Thread().user('Go');
  const [same] = tool('read', 'a', 'x');
  thread.asks([same!, same!, same!, same!, same!]).answers('Done');
  assert.deepEqual(told(thread), []);
});

test('another result of an action is progress, though the context grows', () => {
  const grows = (result: (i: number) => string): string[] => {
    const thread = new Thread().user('Go');
    for (let i = 0; i < 15; i++) {
      const change = { inputTokens: 1000 + i * 100 };
      thread.asks(tool('edit', String((i * i) % 4), result(i)), change);
    }
    return told(thread.answers('Done')).filter((text) => text.startsWith('context_growth'));
  };
  assert.deepEqual(
    grows((i) => `version ${i}`),
    [],
  );
  assert.deepEqual(
    grows(() => 'ok'),
    ['context_growth note 13'],
  );
});

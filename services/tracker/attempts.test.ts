import assert from 'node:assert/strict';
import { test } from 'node:test';
import { withAttempts } from './attempts.ts';
import { Thread } from './testing.ts';

test('a thread of failures goes where its first successful attempt is; others stay', () => {
  const failed = new Thread({ thread: 'none' }).user('Hello').fails().fails();
  const other = new Thread({ thread: 'other' }).user('Something else').fails();
  const tried = new Thread({ thread: 'one' }, 9).user('Hello').answers('Hi').user('More').fails().answers('No');
  const settled = withAttempts([...failed.calls, ...other.calls, ...tried.calls]);
  const [first] = tried.calls;
  assert.deepEqual(
    settled.slice(0, 2).map(({ threadId, turnId }) => [threadId, turnId]),
    [
      [first!.threadId, first!.turnId],
      [first!.threadId, first!.turnId],
    ],
  );
  assert.deepEqual(settled.slice(2), [...other.calls, ...tried.calls]);
});

test('what was tried again too late is another request', () => {
  const failed = new Thread({ thread: 'none' }).user('Hello').fails();
  const tried = new Thread({ thread: 'one' }, 1000).user('Hello').answers('Hi');
  const all = [...failed.calls, ...tried.calls];
  assert.deepEqual(withAttempts(all), all);
});

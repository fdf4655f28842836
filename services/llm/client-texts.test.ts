import assert from 'node:assert/strict';
import { test } from 'node:test';
import { genuineText } from './client-texts.ts';

test('what a client writes after a cut or at its limits is no person’s text', () => {
  for (const text of [
    'The connection dropped mid-response. Resume directly and go on.\n\nIt ended with: [half a sen]',
    'You have exceeded the maximum number of turns. Finish now.',
    '<task-notification>\n<status>completed</status>\n</task-notification>',
  ])
    assert.equal(genuineText(text), '');
});

test('a person may say that a connection dropped', () => {
  for (const text of ['The connection dropped mid-response. Why?', 'You have exceeded the budget.'])
    assert.equal(genuineText(text), text);
});

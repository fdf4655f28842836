import assert from 'node:assert/strict';
import { test } from 'node:test';
import { genuineText } from './client-texts.ts';

test('what a client writes after a cut or at its limits is no person’s text', () => {
  for (const text of [
    'The connection dropped mid-response. Resume directly and go on.\n\nIt ended with: [half a sen]',
    'You have exceeded the maximum number of turns. Finish now.',
    '[SYSTEM] This run is not complete until you call one of its tools.',
    '<task-notification>\n<status>completed</status>\n</task-notification>',
  ])
    assert.equal(genuineText(text), '');
});

test('a person may say that a connection dropped', () => {
  for (const text of ['The connection dropped mid-response. Why?', 'You have exceeded the budget.'])
    assert.equal(genuineText(text), text);
});

test('a block that tells the time stands before a person’s words', () => {
  const text = '<current_datetime>2026-11-01T10:00:00Z</current_datetime>\n\nWhere are the reeds?';
  assert.equal(genuineText(text), 'Where are the reeds?');
});

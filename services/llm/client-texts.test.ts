import assert from 'node:assert/strict';
import { test } from 'node:test';
import { genuineText, summaryIn } from './client-texts.ts';

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

test('of a summary that a client wraps or extends its marked part counts', () => {
  const part = '<state_snapshot>Reeds were counted.</state_snapshot>';
  assert.equal(summaryIn(`<analysis>Much.</analysis>\n${part}`), summaryIn(`${part}\n\nGo on with the task.`));
  assert.equal(summaryIn('Reeds were counted.'), 'Reeds were counted.');
  assert.equal(genuineText(`${part}\n\nGo on with the task.`), '');
});

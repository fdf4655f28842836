import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resultFacts, type ToolResult } from './history.ts';

const result = (text: string): ToolResult => ({ id: 'call_1', name: 'run', text, isError: null });
const isError = (text: string): boolean => resultFacts(result(text)).isError;

test('a result tells that a command failed before its output, behind it, or in JSON', () => {
  assert.equal(isError('Process exited with code 2\nOutput:\nno reeds'), true);
  assert.equal(isError('Process exited with code 0\nOutput:\nreeds'), false);
  assert.equal(isError('no reeds\n<shellId: 3 completed with exit code 1>'), true);
  assert.equal(isError('reeds\n<shellId: 3 completed with exit code 0>'), false);
  assert.equal(isError('{"error":"no reeds"}'), true);
  assert.equal(isError('An error occurred while running the tool. Try again. Error: no reeds'), true);
});

test('of several commands in one call one that failed is enough', () => {
  const each = (success: boolean) => ({ query: 'count', result: '', ...(success ? {} : { error: 'none' }), success });
  assert.equal(isError(JSON.stringify([each(true), each(false)])), true);
  assert.equal(isError(JSON.stringify([each(true), each(true)])), false);
  assert.equal(isError('[{"success":false}'), false, 'cut');
});

test('a number that a shell counts up makes no other result, its exit code does', () => {
  const hash = (shell: number, code: number): string =>
    resultFacts(result(`reeds\n<shellId: ${shell} completed with exit code ${code}>`)).hash;
  assert.equal(hash(0, 0), hash(7, 0));
  assert.notEqual(hash(0, 0), hash(0, 1));
});

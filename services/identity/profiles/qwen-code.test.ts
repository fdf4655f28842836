import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProfileInput } from './profile.ts';
import { qwenCode } from './qwen-code.ts';

const input = (change: Partial<ProfileInput>): ProfileInput => ({
  ...{ headers: new Map(), body: {}, dialect: 'openai.chat', offeredTools: [], systemText: '', note: '' },
  ...{ firstUserText: 'Count the reeds', ...change },
});
const kindOf = (change: Partial<ProfileInput>) => qwenCode.read!(input(change)).kind;
const SUMS = 'You are the component that summarizes a conversation. Write it down.';

test('a compaction is told by its last words where it offers tools, by its system prompt where it offers none', () => {
  assert.equal(kindOf({ offeredTools: ['edit'], note: SUMS }), 'compaction');
  assert.equal(kindOf({ systemText: SUMS, note: 'Now write.' }), 'compaction');
});

test('a step offers tools, any other call beside it none', () => {
  assert.equal(kindOf({ offeredTools: ['edit'], note: 'Count the reeds' }), 'main');
  assert.equal(kindOf({ systemText: 'Name this talk.' }), 'auxiliary');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { contentHash } from '../common/hash.ts';
import { rebuildRequest } from '../llm/request-parts.ts';
import { EVENT_STREAM, observe, type Piece, type Script, sse, TEST_OPTIONS } from '../llm/testing.ts';
import { CaptureModes, matchesPattern } from './capture-mode.ts';
import { HashKey } from './hash-key.ts';
import { privacyFrom, privacySection } from './settings.ts';
import { planted, TEST_KEY } from './testing.ts';

const SETTINGS = { modes: [], redaction: true, redactionRules: [], headers: 'known', shownHeaders: [] } as const;
const options = () => ({ ...TEST_OPTIONS, privacy: privacyFrom(SETTINGS, true, TEST_KEY) });
const TOKEN = `ghp_${'a1B2'.repeat(9)}`;

const chunk = (delta: object) => ({
  id: 'c1',
  object: 'chat.completion.chunk',
  model: 'gpt',
  choices: [{ index: 0, delta }],
});

/** Bytes of a stream of events, cut into packets anywhere. */
function cut(pieces: readonly Piece[], cuts: readonly number[]): Piece[] {
  const bytes = Buffer.from(pieces.map((piece) => ('gap' in piece ? '' : piece[1])).join(''));
  const borders = [...new Set([0, ...cuts.map((at) => at % bytes.length), bytes.length])].sort((a, b) => a - b);
  return borders.slice(1).map((end, i) => [10_000 + i, bytes.subarray(borders[i], end)] as const);
}

function split(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i++) {
    const length = lengths[i % lengths.length]!;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}

test('a secret in an answer that streams, cut into events and packets anywhere, reaches no row and no content', () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(planted, lengths, fc.array(fc.nat(5000)), fc.boolean(), (secret, sizes, cuts, inArguments) => {
      const said = `It is ${secret.text} `;
      const args = split(JSON.stringify({ command: said }), sizes).map((piece, i) =>
        chunk({
          tool_calls: [
            {
              index: 0,
              ...(i === 0 ? { id: 'call_1' } : {}),
              function: { ...(i === 0 ? { name: 'run' } : {}), arguments: piece },
            },
          ],
        }),
      );
      const texts = split(said, sizes).map((content) => chunk({ content }));
      const events = (inArguments ? args : texts).map((event) => ['', event] as const);
      const script: Script = {
        path: '/v1/chat/completions',
        request: { model: 'gpt', stream: true, messages: [{ role: 'user', content: 'x' }] },
        responseHeaders: EVENT_STREAM,
        response: cut(sse([...events, ['', '[DONE]']]), cuts),
      };
      const seen = JSON.stringify(observe([script], options()));
      const form = JSON.stringify(secret.secret).slice(1, -1);
      assert.ok(!seen.includes(form) && !seen.includes(secret.secret.slice(-10)), `${secret.rule} is there`);
      assert.ok(seen.includes('[redacted:'), `${secret.rule} was not found`);
    }),
    { numRuns: 400 },
  );
});

const asked = (messages: readonly object[], extra: object = {}): Script => ({
  path: '/v1/messages',
  request: { model: 'claude', ...extra, messages },
  response: [
    [
      9000,
      JSON.stringify({
        id: 'm',
        type: 'message',
        role: 'assistant',
        model: 'claude',
        content: [{ type: 'text', text: 'ok' }],
        stop_reason: 'end_turn',
      }),
    ],
  ],
});

test('a redacted request is put together with its placeholders; parts are under the hash of what is stored, and counted each time', () => {
  const secretMessage = { role: 'user', content: `use ${TOKEN}` };
  const later = [secretMessage, { role: 'assistant', content: 'ok' }, { role: 'user', content: 'go on' }];
  const { calls, contents } = observe([asked([secretMessage], { user: TOKEN }), asked(later)], options());
  const [first, second] = calls;
  assert.deepEqual([first!.redactions, second!.redactions], [{ github_token: 2 }, { github_token: 1 }]);
  for (const { hash, text } of contents) assert.equal(hash, contentHash(text));
  const texts = new Map(contents.map(({ hash, text }) => [hash, text]));
  const request = rebuildRequest(
    second!.requestSkeleton,
    second!.requestParts.map((hash) => texts.get(hash)!),
  );
  const { messages } = JSON.parse(request) as { messages: { content: string }[] };
  assert.match(messages[0]!.content, /^use \[redacted:github_token:[0-9a-f]{8}\]$/);
  // The message came again, and was known.
  assert.equal(contents.filter(({ text }) => text.includes('[redacted')).length, 1);
  assert.deepEqual(second!.requestParts.slice(0, 1), first!.requestParts.slice(0, 1));
});

test('a secret that begins where a preview ends leaves nothing in it', () => {
  for (let before = 260; before < 320; before++) {
    const { calls } = observe([asked([{ role: 'user', content: `${'x '.repeat(before / 2)}${TOKEN}` }])], options());
    assert.doesNotMatch(calls[0]!.promptPreview, /ghp_/);
  }
});

test('what a part of one agent was kept of is kept for another one too, though it was seen before without its text', () => {
  const modes = [{ mode: 'metadata' as const, agents: ['hr'], hosts: [], paths: [] }];
  const privacy = privacyFrom({ ...SETTINGS, modes }, true, TEST_KEY);
  const script = asked([{ role: 'user', content: 'the same words' }]);
  const by = (agent: string): Script => ({ ...script, requestHeaders: { 'x-agent-id': agent } });
  const { calls, contents } = observe([by('hr'), by('dev')], { ...TEST_OPTIONS, privacy });
  assert.deepEqual(
    calls.map(({ captureMode }) => captureMode),
    ['metadata', 'content'],
  );
  assert.ok(calls[1]!.requestParts.every((hash) => contents.some((content) => content.hash === hash)));
});

test('hashes under a key are equal for equal texts, and are not those that anybody can make', () => {
  const plain = observe([asked([{ role: 'user', content: 'yes' }])]).calls[0]!;
  const [one, two] = [1, 2].map(() => observe([asked([{ role: 'user', content: 'yes' }])], options()).calls[0]!);
  assert.match(one!.promptHash, /^[0-9a-f]{32}$/);
  assert.equal(one!.promptHash, two!.promptHash);
  for (const field of ['promptHash', 'stepId', 'answerHash', 'sessionId', 'turnId', 'threadId'] as const)
    assert.notEqual(one![field], plain[field], field);
  const key = new HashKey(TEST_KEY);
  assert.deepEqual(key.all(['', plain.promptHash, 'own-id']), ['', one!.promptHash, 'own-id']);
  assert.notEqual(new HashKey(Buffer.alloc(32, 9)).one(plain.promptHash), one!.promptHash);
});

test('patterns match as they are written, and a long text with many stars takes no time', () => {
  const cases: readonly [string, string, boolean][] = [
    ['*', '', true],
    ['/v1/*', '/v1/messages', true],
    ['/v1/*', '/v2/messages', false],
    ['*/chat/*', '/openai/chat/completions', true],
    ['a*a', 'a', false],
    ['a*b*c', 'a-b-c', true],
    ['a.c', 'abc', false],
  ];
  for (const [pattern, text, expected] of cases)
    assert.equal(matchesPattern(pattern, text), expected, `${pattern} ${text}`);
  assert.equal(matchesPattern('*a'.repeat(400) + '*b', 'a'.repeat(100_000)), false);
});

test('a host fits with and without its port, in any case', () => {
  const modes = new CaptureModes([{ mode: 'metadata', agents: [], hosts: ['LLM.*'], paths: [] }], 'content');
  const of = (host: string) => modes.of({ agentId: '', host, path: '/' });
  assert.deepEqual([of('llm.a:8080'), of('Llm.b'), of('x.llm.b')], ['metadata', 'metadata', 'content']);
});

test('settings that cannot be run are told by path, with what is wrong', () => {
  const wrong = {
    modes: [{ mode: 'metadata' }],
    redactionRules: [
      { name: 'jwt', pattern: 'x' },
      { name: 'own', pattern: '(?<=a)b' },
    ],
  };
  const { error } = privacySection.safeParse(wrong);
  const told = error!.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  assert.equal(told.length, 3);
  assert.match(told[0]!, /^modes\.0: needs agents, hosts or paths/);
  assert.match(told[1]!, /^redactionRules\.0\.name: is the name of a built-in rule/);
  assert.match(told[2]!, /^redactionRules\.1\.pattern: isn't a pattern that can be run in linear time/);
});

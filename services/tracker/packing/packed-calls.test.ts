import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { DETECTOR_DEFAULTS } from '../detectors/settings.ts';
import type { CallFacts } from '../facts.ts';
import { SessionStory } from '../session.ts';
import { Thread } from '../testing.ts';
import { ByteReader, ByteWriter } from './bytes.ts';
import { packCalls, unpackCalls } from './packed-calls.ts';
import { Names, TextReader, TextWriter } from './texts.ts';

test('numbers and texts come back as they were', () => {
  const values = fc.record({
    number: fc.maxSafeNat(),
    signed: fc.maxSafeInteger().filter((value) => Math.abs(value) < 2 ** 52),
    double: fc.double({ noNaN: true }),
    texts: fc.array(fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9a-fA-F]{31,33}$/)), {
      maxLength: 9,
    }),
  });
  const writer = new ByteWriter();
  fc.assert(
    fc.property(values, ({ number, signed, double, texts }) => {
      const names = new Names();
      writer.number(number);
      writer.signed(signed);
      writer.double(double);
      const text = new TextWriter(writer, names);
      for (const each of [...texts, ...texts]) {
        text.text(each);
        text.name(each);
      }
      const reader = new ByteReader(writer.take());
      assert.deepEqual([reader.number(), reader.signed(), reader.double()], [number, signed, double]);
      const read = new TextReader(reader, names);
      for (const each of [...texts, ...texts]) assert.deepEqual([read.text(), read.text()], [each, each]);
    }),
  );
});

/** What happens next in a conversation, by a number. */
function happen(thread: Thread, what: number, n: number): void {
  const same = { name: 'read', args: '{"path":"a"}', result: 'same' };
  if (what === 0) thread.user(`words ${n}`);
  else if (what === 1) thread.asks([same]);
  else if (what === 2)
    thread.asks([
      { ...same, result: `other ${n}` },
      { name: 'bash', result: 'Error', error: true },
    ]);
  else if (what === 3) thread.answers(`answer ${n % 2}`);
  else if (what === 4) thread.fails();
  else if (what === 5) thread.side('compaction', { answerTextHash: `${n}`.padStart(32, '0') });
  else if (what === 6) thread.asks([{ name: 'task', args: 'long '.repeat(100), task: `part ${n}` }, { name: 'lost' }]);
  else thread.waits(100).side('title', { turnId: '', costUsd: null });
}

/** All that is told from here on, whatever was told of it before. */
function rest(story: SessionStory, calls: readonly CallFacts[]): unknown {
  return calls.map((call) => {
    assert.ok(story.add(call));
    return story.tell();
  });
}

test('a story that is told again from its packed calls goes on like one that stayed', () => {
  const names = new Names();
  const happenings = fc.array(fc.nat(7), { minLength: 3, maxLength: 30 });
  fc.assert(
    fc.property(happenings, fc.nat(30), fc.nat(30), (list, one, other) => {
      const thread = new Thread().user('Go');
      for (const [n, what] of list.entries()) happen(thread, what, n);
      const { calls: all } = thread;
      const cuts = [one, other].map((cut) => Math.min(cut, all.length)).sort((a, b) => a - b);
      const story = new SessionStory('session', DETECTOR_DEFAULTS);
      let again = new SessionStory('session', DETECTOR_DEFAULTS);
      for (const [from, to] of [
        [0, cuts[0]!],
        [cuts[0]!, cuts[1]!],
        [cuts[1]!, all.length],
      ] as const) {
        const part = all.slice(from, to);
        assert.deepEqual(rest(again, part), rest(story, part));
        const { calls, wanted } = unpackCalls(packCalls(again.kept!, again.lasting, names), names);
        for (const { asked } of wanted) asked.arguments = 'long '.repeat(100);
        again = new SessionStory('session', DETECTOR_DEFAULTS);
        for (const call of calls) assert.ok(again.add(call));
        again.tell();
      }
    }),
    { numRuns: 300 },
  );
});

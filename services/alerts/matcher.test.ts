import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { globMatches, parseMatcher } from './matcher.ts';

const holds = (matcher: string, labels: Record<string, string>): boolean => parseMatcher(matcher).matches(labels);

describe('a condition', () => {
  const cases: readonly (readonly [string, Record<string, string>, boolean])[] = [
    ['kind=cycle', { kind: 'cycle' }, true],
    ['kind=cycle', { kind: 'cycles' }, false],
    ['kind = cycle ', { kind: 'cycle' }, true],
    ['kind!=cycle', { kind: 'cycle' }, false],
    ['kind!=cycle', {}, true],
    ['team=', {}, true],
    ['team!=', {}, false],
    ['team!=', { team: 'a' }, true],
    ['agent=ops-*', { agent: 'ops-loop' }, true],
    ['agent=ops-*', { agent: 'dev-ops-loop' }, false],
    ['agent=*loop*|x', { agent: 'a loop of' }, true],
    ['agent=*loop*|x', { agent: 'x' }, true],
    ['agent!=a|b', { agent: 'b' }, false],
    ['agent!=a|b', { agent: 'c' }, true],
    ['level>=alert', { level: 'note' }, false],
    ['level>=alert', { level: 'critical' }, true],
    ['level<=alert', { level: 'critical' }, false],
    ['level>=alert', {}, false],
    ['failures>=10', { failures: '9.5' }, false],
    ['failures>=10', { failures: '10' }, true],
    ['failures<=10', { failures: 'many' }, false],
    ['failures<=10', {}, false],
    ['constructor=', {}, true],
    ['__proto__=', {}, true],
    ['url=a=b', { url: 'a=b' }, true],
  ];
  for (const [matcher, labels, expected] of cases) {
    test(`${matcher} ${expected ? 'holds' : "doesn't hold"} for ${JSON.stringify(labels)}`, () => {
      assert.equal(holds(matcher, labels), expected);
    });
  }

  test('that makes no sense is refused', () => {
    for (const text of ['', 'agent', '=x', 'a b=c', 'level>=much', 'n>=', 'a~b', `a=${'x'.repeat(300)}`, '1=2'])
      assert.throws(() => parseMatcher(text), /BIT_MATCHER|condition|order/, text);
  });
});

describe('a pattern', () => {
  test('matches as the regular expression of the same meaning does', () => {
    const letter = fc.constantFrom('a', 'b', '*', '.');
    const texts = fc.array(fc.constantFrom('a', 'b', '.'), { maxLength: 8 }).map((all) => all.join(''));
    fc.assert(
      fc.property(
        fc.array(letter, { maxLength: 6 }).map((all) => all.join('')),
        texts,
        (pattern, text) => {
          const oracle = new RegExp(`^${pattern.replaceAll('.', '\\.').replaceAll('*', '.*')}$`, 's');
          assert.equal(globMatches(pattern, text), oracle.test(text));
        },
      ),
    );
  });

  test('with many stars is quick on a long text', () => {
    const started = performance.now();
    assert.equal(globMatches(`${'*a'.repeat(100)}*b`, 'a'.repeat(100_000)), false);
    assert.ok(performance.now() - started < 500);
  });
});

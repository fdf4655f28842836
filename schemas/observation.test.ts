import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { before, describe, it, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import fc from 'fast-check';
import { observationsOf } from '../load-tests/e2e/observations.ts';
import { generate } from '../load-tests/generator/generate.ts';
import type { ContentHash } from '../services/common/types.ts';
import type { Call, Observation } from './call.ts';
import { OBSERVATION_CONTRACT, observationCodec } from './codec.ts';
import { fieldsOf, plain, type SchemaField } from './testing.ts';

const SCHEMA_FILE = 'schemas/avro/observation.v1.avsc';
const SHAPES = { Call: 'Call', Content: 'Content', Exchange: 'ExchangeRow', Execution: 'ToolExecution' } as const;
/** What an observation is nothing without. Every other field has a default, so that releases with and without it read each other. */
const REQUIRED = new Set(['callId', 'connectionId', 'exchangeId', 'executionId', 'outcome', 'completeness', 'started']);

interface Declared {
  readonly name: string;
  readonly nullable: boolean;
}

/** The members of an interface of call.ts or story.ts, and of the one that it extends: one a line, `name: type;`. */
function declared(name: string): Declared[] {
  const source = ['./call.ts', './story.ts', './tool-execution.ts']
    .map((file) => readFileSync(new URL(file, import.meta.url), 'utf8'))
    .join('\n');
  const found = new RegExp(`^export interface ${name} (?:extends (\\w+) )?\\{\\n(.*?)^\\}`, 'ms').exec(source);
  const body = found?.[2] ?? '';
  const inherited = found?.[1] === undefined ? [] : declared(found[1]);
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)(\??): (.*);$/gm)];
  const own = members.map(([, member, optional, type]) => {
    assert.equal(optional, '', `${name}.${member} may not be optional: say null or '' instead`);
    return { name: member!, nullable: /\| null$/.test(type!) };
  });
  return [...inherited, ...own];
}

function isNullable(field: SchemaField): boolean {
  return Array.isArray(field.type) && field.type[0] === 'null' && field.default === null;
}

for (const [record, type] of Object.entries(SHAPES)) {
  test(`the schema's ${record} has the fields of ${type}, all documented, null where it is`, () => {
    const members = declared(type);
    const fields = new Map(fieldsOf(OBSERVATION_CONTRACT.schema, record).map((field) => [field.name, field]));
    assert.ok(members.length > 2, `${type} was not found in schemas/call.ts`);
    for (const { name, nullable } of members) {
      const field = fields.get(name);
      assert.ok(field !== undefined, `${type}.${name} has no field in ${SCHEMA_FILE}: it would be lost over Kafka`);
      assert.equal(isNullable(field), nullable, `${type}.${name}: null in one of call.ts and ${SCHEMA_FILE} only`);
      assert.ok((field.doc ?? '').length > 3, `${record}.${name} needs a doc in ${SCHEMA_FILE}`);
      fields.delete(name);
      if (record === 'Content' || REQUIRED.has(name)) continue;
      assert.ok('default' in field, `${record}.${name} needs a default, or no other release can read or write it`);
    }
    assert.deepEqual([...fields.keys()], [], `fields of ${SCHEMA_FILE} that ${type} doesn't have`);
  });
}

describe('the observation codec', () => {
  let observations: Observation[] = [];
  before(async () => {
    const sample = readFileSync(new URL('../load-tests/samples/demo.pcap.gz', import.meta.url));
    observations = await observationsOf(gunzipSync(sample));
    observations.push(...(await observationsOf(generate({ seed: 5, calls: 120, loss: 0.01 }).pcap)));
  });

  const firstCall = (): Call => {
    const found = observations.find((each) => each.type === 'call');
    assert.ok(found?.type === 'call');
    return found.call;
  };

  it('gives back what the stages make of the sample and of generated traffic', () => {
    const kinds = new Set(observations.map(({ type }) => type));
    assert.deepEqual([...kinds].sort(), ['call', 'exchange']);
    assert.ok(observations.length > 100);
    for (const observation of observations) {
      const back = observationCodec.decode(observationCodec.encode(observation));
      assert.deepEqual(plain(back), plain(observation));
    }
  });

  it('keeps values of open sets that this release does not know', () => {
    const call = { ...firstCall(), outcome: 'a_later_outcome', finishReason: 'a_later_reason', origin: 'satellite' };
    const observation = { type: 'call', call, contents: [] } as unknown as Observation;
    assert.deepEqual(plain(observationCodec.decode(observationCodec.encode(observation))), plain(observation));
  });

  it('keeps any text and any label', () => {
    const text = fc.string({ unit: 'grapheme', maxLength: 2000 });
    const labels = fc.dictionary(
      text.filter((key) => key !== '__proto__'),
      text,
      { noNullPrototype: true },
    );
    fc.assert(
      fc.property(text, labels, fc.array(text), (errorMessage, labels, offeredTools) => {
        const call = { ...firstCall(), errorMessage, path: errorMessage, labels, offeredTools };
        const contents = [{ hash: call.requestParts[0]!, kind: 'message' as const, text: errorMessage }];
        const observation: Observation = { type: 'call', call, contents };
        assert.deepEqual(plain(observationCodec.decode(observationCodec.encode(observation))), plain(observation));
      }),
      { numRuns: 200 },
    );
  });

  it('takes half a surrogate pair for an unknown character, and leaves all else as it is', () => {
    const call = { ...firstCall(), errorMessage: 'cut \ud83d', path: `/${'é'.repeat(80)}\udc00/x` };
    const back = observationCodec.decode(observationCodec.encode({ type: 'call', call, contents: [] }));
    assert.ok(back.type === 'call');
    assert.match(back.call.errorMessage, /^cut \ufffd+$/);
    assert.match(back.call.path, /^\/é{80}\ufffd+\/x$/);
    const { errorMessage: _, path: __, ...rest } = call;
    const { errorMessage: ___, path: ____, ...others } = plain(back.call) as Call;
    assert.deepEqual(others, plain(rest));
  });

  it('writes hashes as their bytes, and refuses what is none', () => {
    const [one, two] = ['00'.repeat(15) + 'f1', 'ff'.repeat(16)] as ContentHash[];
    const encode = (requestParts: ContentHash[]): Buffer =>
      observationCodec.encode({ type: 'call', call: { ...firstCall(), requestParts }, contents: [] });
    assert.ok(encode([one!, two!]).includes(Buffer.concat([Buffer.from([64]), Buffer.from(`${one}${two}`, 'hex')])));
    for (const none of ['', 'f1', 'zz'.repeat(16), '00'.repeat(17)]) {
      assert.throws(() => encode([one!, none as ContentHash]), { code: 'BIT_OBSERVATION_UNWRITABLE' });
    }
  });

  it('stores the nearest number that fits when traffic claims one that does not, and never refuses the record', () => {
    // Whole numbers between −2^53 and −2^52 are left out: avsc writes others in their place (see avro/fit.ts).
    const numbers = fc
      .oneof(
        fc.double(),
        fc.maxSafeInteger(),
        fc.constantFrom(1e300, -1e300, 0.5, Number.NaN, Number.POSITIVE_INFINITY),
      )
      .filter((number) => !Number.isSafeInteger(number) || number >= -(2 ** 52));
    fc.assert(
      fc.property(numbers, (number) => {
        const call = { ...firstCall(), inputTokens: number, maxOutputTokens: number, status: number, costUsd: 0.25 };
        const back = observationCodec.decode(observationCodec.encode({ type: 'call', call, contents: [] }));
        assert.ok(back.type === 'call');
        const nearest = Number.isNaN(number) ? 0 : Math.max(-(2 ** 52), Math.min(2 ** 53 - 2, Math.trunc(number)));
        assert.equal(back.call.inputTokens, nearest + 0);
        assert.equal(back.call.maxOutputTokens, nearest + 0);
        assert.equal(back.call.costUsd, 0.25);
        assert.equal(back.call.callId, call.callId);
      }),
      { numRuns: 300 },
    );
  });

  it('refuses damaged and foreign bytes with a code, and never hangs', () => {
    const good = observationCodec.encode(observations[0]!);
    const coded = /^BIT_(OBSERVATION_UNREADABLE|SCHEMA_UNKNOWN)$/;
    for (const bytes of [Buffer.alloc(0), Buffer.from('{"type":"call"}'), good.subarray(0, 40)]) {
      assert.throws(() => observationCodec.decode(bytes), { code: 'BIT_OBSERVATION_UNREADABLE' });
    }
    const damage = fc.array(fc.tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 255 })), { minLength: 1 });
    fc.assert(
      fc.property(damage, (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of changes) bytes[at] = value;
        try {
          observationCodec.decode(bytes);
        } catch (error) {
          assert.match((error as { readonly code: string }).code, coded);
        }
      }),
      { numRuns: 1000 },
    );
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { itemChunks, paramChunks } from './param-chunks.ts';

test('parts hold all in order, and none is too long unless by one element', () => {
  const texts = fc.array(fc.string({ maxLength: 30_000 }), { maxLength: 40 });
  fc.assert(
    fc.property(texts, (list) => {
      const chunks = paramChunks(list);
      assert.deepEqual(chunks.flat(), list);
      assert.deepEqual(
        itemChunks(
          list,
          (text) => text,
          () => 'x',
        ),
        chunks,
      );
      for (const chunk of chunks) {
        const bytes = chunk.reduce((sum, text) => sum + Buffer.byteLength(text) + 3, 0);
        assert.ok(chunk.length === 1 || bytes <= 60_000);
      }
    }),
    { numRuns: 50 },
  );
});

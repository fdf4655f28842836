import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ByteHolder, OpenBytes } from './open-bytes.ts';

class Holder implements ByteHolder {
  heldBytes = 0;
  countedBytes = 0;
  dropped = false;
  readonly #open: OpenBytes;

  constructor(open: OpenBytes) {
    this.#open = open;
  }

  hold(bytes: number): void {
    this.heldBytes = bytes;
    this.#open.update(this);
  }

  drop(): void {
    this.heldBytes = 0;
    this.dropped = true;
  }
}

function holders(open: OpenBytes, bytes: readonly number[]): Holder[] {
  return bytes.map((each) => {
    const holder = new Holder(open);
    holder.hold(each);
    return holder;
  });
}

const dropped = (some: readonly Holder[]) => some.flatMap((holder, at) => (holder.dropped ? [at] : []));

test('below the ceiling nothing is dropped, and the sum follows what is held', () => {
  const open = new OpenBytes(100);
  const some = holders(open, [50, 30, 20]);
  some[0]!.hold(10);
  open.close(some[1]!);
  open.close(some[1]!);
  assert.deepEqual([open.bytes, open.dropped, dropped(some)], [30, 0, []]);
});

test('above the ceiling the largest is dropped, until the rest fits', () => {
  const open = new OpenBytes(100);
  const some = holders(open, [10, 60, 20, 5, 80]);
  assert.deepEqual([dropped(some), open.bytes], [[4], 95]);
  some[3]!.hold(15);
  assert.deepEqual([dropped(some), open.bytes], [[1, 4], 45]);
  assert.deepEqual([open.dropped, open.droppedBytes], [2, 140]);
});

test('among very many the old ones are dropped first', () => {
  const open = new OpenBytes(1000);
  const some = holders(open, Array(1001).fill(1));
  assert.deepEqual([dropped(some), open.bytes], [[0], 1000]);
});

test('one that is larger than the ceiling alone is dropped itself', () => {
  const open = new OpenBytes(100);
  const some = holders(open, [101]);
  assert.deepEqual([dropped(some), open.bytes], [[0], 0]);
});

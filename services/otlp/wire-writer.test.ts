import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WireWriter } from './wire-writer.ts';

const WRITES: Readonly<Record<string, (writer: WireWriter) => unknown>> = {
  varint: (writer) => writer.varint(300),
  'long varint': (writer) => writer.varint(-2n),
  fixed64: (writer) => writer.fixed64('18446744073709551615'),
  double: (writer) => writer.double(0.1),
  text: (writer) => writer.text('grün'),
  key: (writer) => writer.key('session.id'),
  hex: (writer) => writer.hex('00ff10'),
};

function written(filled: number, write: (writer: WireWriter) => unknown): Buffer {
  const writer = new WireWriter();
  writer.text('x'.repeat(filled));
  write(writer);
  return writer.bytes();
}

test('whatever is written when the buffer is full stands before what was there', () => {
  for (const [name, write] of Object.entries(WRITES)) {
    const alone = written(0, write);
    for (let left = 0; left <= alone.length; left++) {
      const filled = 256 * 1024 - left;
      const bytes = written(filled, write);
      assert.equal(bytes.length, filled + alone.length, name);
      assert.deepEqual(bytes.subarray(0, alone.length), alone, `${name} with ${left} bytes left`);
      assert.ok(bytes.subarray(alone.length).every((byte) => byte === 0x78));
    }
  }
});

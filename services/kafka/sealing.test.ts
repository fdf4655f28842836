import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { Keyring } from './keyring.ts';
import { isSealed, Sealer, sealedKeyId } from './sealing.ts';

const KEY = Buffer.alloc(32, 7);
const RING = new Keyring(new Map([['k1', KEY]]), 'k1');

test('what is sealed opens to the same bytes, and only for its topic and key', () => {
  const sealer = new Sealer(RING);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), fc.string(), fc.string(), (bytes, topic, key) => {
      const plain = Buffer.from(bytes);
      const sealed = sealer.seal(plain, topic, key);
      assert.equal(sealed.length, 4 + 2 + 12 + plain.length + 16);
      assert.ok(sealer.open(sealed, topic, key).equals(plain));
      assert.throws(() => sealer.open(sealed, `${topic}x`, key), { code: 'BIT_SEAL_BROKEN' });
      assert.throws(() => sealer.open(sealed, topic, `${key}x`), { code: 'BIT_SEAL_BROKEN' });
    }),
  );
});

test('no changed bit and no cut goes unnoticed', () => {
  const sealer = new Sealer(RING);
  const sealed = sealer.seal(Buffer.from('a prompt'), 'topic', 'key');
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const changed = Buffer.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.throws(() => sealer.open(changed, 'topic', 'key'), { code: /^BIT_SEAL_(BROKEN|KEY_UNKNOWN)$/ });
  }
  for (let length = 0; length < sealed.length; length++) {
    assert.throws(() => sealer.open(sealed.subarray(0, length), 'topic', 'key'), { code: 'BIT_SEAL_BROKEN' });
  }
});

test('the layout is the documented one, and no nonce comes twice', () => {
  const sealer = new Sealer(RING);
  const sealed = sealer.seal(Buffer.from('x'), 't', 'k');
  assert.equal(sealed.subarray(0, 6).toString('hex'), 'b17e01026b31');
  assert.ok(isSealed(sealed));
  assert.equal(sealedKeyId(sealed), 'k1');
  const nonces = new Set<string>();
  for (let n = 0; n < 3000; n++) nonces.add(sealer.seal(Buffer.alloc(1), 't', 'k').toString('hex', 6, 18));
  assert.equal(nonces.size, 3000);
});

test('after a rotation old records open and new ones carry the new id; an unknown id is told by name', () => {
  const old = new Sealer(RING).seal(Buffer.from('old'), 't', 'k');
  const rotated = new Sealer(
    new Keyring(
      new Map([
        ['k1', KEY],
        ['k2', Buffer.alloc(32, 8)],
      ]),
      'k2',
    ),
  );
  assert.equal(rotated.open(old, 't', 'k').toString(), 'old');
  const fresh = rotated.seal(Buffer.from('new'), 't', 'k');
  assert.equal(sealedKeyId(fresh), 'k2');
  assert.throws(() => new Sealer(RING).open(fresh, 't', 'k'), { code: 'BIT_SEAL_KEY_UNKNOWN', message: /'k2'/ });
});

test('another key under the same id is told as broken, plain bytes as not sealed', () => {
  const other = new Sealer(new Keyring(new Map([['k1', Buffer.alloc(32, 9)]]), 'k1'));
  const sealed = new Sealer(RING).seal(Buffer.from('x'), 't', 'k');
  assert.throws(() => other.open(sealed, 't', 'k'), { code: 'BIT_SEAL_BROKEN' });
  assert.throws(() => other.open(Buffer.from('{"plain": true}'), 't', 'k'), {
    code: 'BIT_SEAL_BROKEN',
    message: /not sealed/,
  });
});

test('keys come from files as hex or base64; anything else is refused without being shown', () => {
  const dir = mkdtempSync(path.join(tmpdir(), 'bittern-keys-'));
  const file = (text: string): string => {
    const name = path.join(dir, `${Math.random()}`);
    writeFileSync(name, text, { mode: 0o600 });
    return name;
  };
  const sources = [
    { id: 'hex', file: file(`${KEY.toString('hex')}\n`) },
    { id: 'base64', file: file(`${KEY.toString('base64')}\n`) },
  ];
  const ring = Keyring.fromFiles(sources, 'hex');
  assert.ok(ring.get('hex')?.equals(ring.get('base64')!));
  const short = file('deadbeef');
  assert.throws(
    () => Keyring.fromFiles([{ id: 'a', file: short }], 'a'),
    (error: Error) => {
      assert.match(error.message, /32 bytes/);
      assert.ok(!error.message.includes('deadbeef'));
      return true;
    },
  );
  assert.throws(() => Keyring.fromFiles(sources, 'absent'), { code: 'BIT_SEAL_KEY' });
  assert.throws(() => Keyring.fromFiles([{ id: 'a', file: '/nowhere' }], 'a'), { code: 'BIT_SEAL_KEY' });
});

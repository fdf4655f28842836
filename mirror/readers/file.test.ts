import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { PcapWriter } from '../../load-tests/wire/packets.ts';
import { openCaptureFile } from './file.ts';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bittern-'));
});
after(() => rm(folder, { recursive: true }));

function capture(): Buffer {
  const writer = new PcapWriter();
  for (let index = 0; index < 3000; index++) writer.packet(index, Buffer.from(`${index * 2654435761}`.repeat(80)));
  return writer.bytes();
}

async function open(
  bytes: Buffer,
): Promise<{ bytes: Buffer; read: number; size: number | null; damage: string | null }> {
  const path = join(folder, 'file');
  await writeFile(path, bytes);
  const opened = await openCaptureFile(path);
  const chunks: Buffer[] = [];
  for await (const chunk of opened.chunks) chunks.push(Buffer.from(chunk));
  return { bytes: Buffer.concat(chunks), read: opened.readBytes(), size: opened.sizeBytes, damage: opened.damage() };
}

for (const [name, compress] of [
  ['plain', (bytes: Buffer) => bytes],
  ['gzip', (bytes: Buffer) => gzipSync(bytes)],
  [
    'gzip in several members',
    (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 999)), gzipSync(bytes.subarray(999))]),
  ],
  ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
] as const) {
  test(`opens ${name} files, and counts the file's bytes for progress`, async () => {
    const whole = capture();
    const file = compress(whole);
    const result = await open(file);
    assert.ok(result.bytes.equals(whole));
    assert.deepEqual([result.read, result.size, result.damage], [file.length, file.length, null]);
  });
}

for (const [name, compress] of [
  ['gzip', gzipSync],
  ['zstd', zstdCompressSync],
] as const) {
  test(`a ${name} file that is cut gives what it has and says so`, async () => {
    const whole = capture();
    const file = compress(whole);
    const result = await open(file.subarray(0, Math.floor(file.length * 0.8)));
    assert.ok(result.bytes.length > 100_000 && result.bytes.equals(whole.subarray(0, result.bytes.length)));
    assert.match(result.damage ?? '', /damaged and ends early/);
  });
}

test('missing files, folders, empty files and other files are told apart', async () => {
  await assert.rejects(openCaptureFile(join(folder, 'nothing')), { code: 'BIT_CAPTURE_MISSING' });
  await assert.rejects(openCaptureFile(folder), { code: 'BIT_CAPTURE_UNREADABLE' });
  await assert.rejects(open(Buffer.alloc(0)), { code: 'BIT_CAPTURE_EMPTY' });
  await assert.rejects(open(Buffer.from('some text')), { code: 'BIT_CAPTURE_FORMAT' });
  await assert.rejects(open(gzipSync('some text')), { code: 'BIT_CAPTURE_FORMAT' });
});

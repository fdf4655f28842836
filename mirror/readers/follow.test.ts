import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { PcapWriter } from '../../load-tests/wire/packets.ts';
import { capturesIn } from './folder.ts';
import { followCaptures } from './follow.ts';

const START = 1_700_000_000_000_000;

/** A capture of these packets, one a second from `second` on. */
function pcap(second: number, ...packets: readonly string[]): Buffer {
  const writer = new PcapWriter();
  packets.forEach((text, at) => {
    writer.packet(START + (second + at) * 1_000_000, Buffer.from(text));
  });
  return writer.bytes();
}

interface Following {
  /** What was read, file by file. */
  readonly files: string[];
  stop(): Promise<void>;
}

function follow(target: string, isFolder: boolean): Following {
  const controller = new AbortController();
  const files: string[] = [];
  const reading = (async () => {
    let text = '';
    for await (const { chunk } of followCaptures(target, isFolder, controller.signal)) {
      if (chunk !== null) text += chunk.toString('latin1');
      else {
        files.push(text);
        text = '';
      }
    }
  })();
  return {
    files,
    stop: () => {
      controller.abort();
      return reading;
    },
  };
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bittern-follow-'));
  try {
    await work(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a file that grows is read as it grows, and what was written before the stop is read', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'x.pcap');
    const whole = pcap(0, 'one', 'two', 'three');
    const { files, stop } = follow(file, false);
    await sleep(250); // It isn't there yet.
    writeFileSync(file, whole.subarray(0, 30));
    await sleep(300);
    appendFileSync(file, whole.subarray(30, 70));
    await sleep(300);
    appendFileSync(file, whole.subarray(70));
    await stop();
    assert.deepEqual(files, [whole.toString('latin1')]);
  });
});

test('a folder is read in the order of time; the shortest file counts, a name used again is a new file', async () => {
  await inFolder(async (folder) => {
    const [first, second, third] = [pcap(0, 'a'), pcap(10, 'b', 'b2'), pcap(20, 'c')];
    writeFileSync(join(folder, 'z'), first);
    writeFileSync(join(folder, 'a'), second);
    writeFileSync(join(folder, 'notes'), 'no capture at all');
    const { files, stop } = follow(folder, true);
    await sleep(500);
    assert.deepEqual(files, [first.toString('latin1')]);
    writeFileSync(join(folder, 'z'), third);
    await sleep(2_500);
    await stop();
    assert.deepEqual(
      files,
      [first, second, third].map((bytes) => bytes.toString('latin1')),
    );
  });
});

test('a finished folder lists its captures by their first packets, and tells what is none', async () => {
  await inFolder(async (folder) => {
    writeFileSync(join(folder, 'x10'), pcap(5, 'a'));
    writeFileSync(join(folder, 'x9'), pcap(5, 'a'));
    writeFileSync(join(folder, 'later'), pcap(6, 'a'));
    writeFileSync(join(folder, 'readme'), 'no capture at all');
    writeFileSync(join(folder, 'empty'), pcap(0));
    const { files, others } = await capturesIn(folder);
    assert.deepEqual(
      files,
      ['x9', 'x10', 'later'].map((name) => join(folder, name)),
    );
    assert.deepEqual([...others].sort(), ['empty', 'readme']);
  });
});

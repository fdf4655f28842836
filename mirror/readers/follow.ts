/**
 * Follows captures while they are written: a file that grows, or a folder in which `tcpdump -C` or `-G` begins one file after the other.
 *
 * A file of a folder is read to its end when a later one has begun. Files are known by how they begin, since a ring writes
 * new captures under old names, and rotation renames. Compressed files aren't followed: they are finished ones, for `replay`.
 */
import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Dated, FirstTime, inOrder } from './first-time.ts';
import { filesOf } from './folder.ts';

const CHUNK_BYTES = 1024 * 1024;
/** Bytes looked through for the first packet. */
const HEAD_BYTES = 64 * 1024;
const FILE_POLL_MS = 200;
/** A folder may hold many files. */
const FOLDER_POLL_MS = 1_000;
/** Captures remembered as read. */
const READ_MAX = 100_000;

export interface Followed {
  /** The file that the bytes are of. */
  readonly path: string;
  /** Null: this file has ended, another one comes. */
  readonly chunk: Buffer | null;
}

interface Head extends Dated {
  readonly key: string;
}

/** Reads what is there, then waits for more until the signal; what is written by then is read still. */
export async function* followCaptures(
  target: string,
  isFolder: boolean,
  signal: AbortSignal,
): AsyncGenerator<Followed> {
  const read = new Set<string>();
  const heads = new Heads();
  for (;;) {
    const stopping = signal.aborted;
    const next = await unread(target, isFolder, heads, read);
    if (next !== undefined) {
      yield* followFile(
        next,
        signal,
        async () => isFolder && (await unread(target, true, heads, read, next)) !== undefined,
      );
      read.add(next.key);
      if (read.size > READ_MAX) read.delete(read.values().next().value!);
    } else if (stopping) return;
    else await pause(isFolder ? FOLDER_POLL_MS : FILE_POLL_MS, signal);
  }
}

/** The earliest capture that wasn't read, or wasn't and is later than `current`. */
async function unread(
  target: string,
  isFolder: boolean,
  heads: Heads,
  read: ReadonlySet<string>,
  current?: Head,
): Promise<Head | undefined> {
  const files = isFolder ? (await filesOf(target)).map((name) => path.join(target, name)) : [target];
  const found: Head[] = [];
  for (const file of files) {
    const head = await heads.of(file);
    if (head === null || read.has(head.key) || head.key === current?.key) continue;
    if (current === undefined || inOrder(current, head) < 0) found.push(head);
  }
  return found.sort(inOrder)[0];
}

async function* followFile(head: Head, signal: AbortSignal, isOver: () => Promise<boolean>): AsyncGenerator<Followed> {
  const handle = await open(head.path, 'r').catch(() => null);
  if (handle === null) return; // Gone since: there is nothing left to read.
  try {
    let at = 0;
    for (let over = false, lookedAt = 0; ; ) {
      const chunk = await readAt(handle, at);
      at += chunk.length;
      if (chunk.length > 0) {
        yield { path: head.path, chunk };
        continue;
      }
      // Once more after it is over: what was written between the last look and the next file's beginning.
      if (over || (await handle.stat()).size < at) break;
      over = signal.aborted;
      if (!over && Date.now() - lookedAt >= FOLDER_POLL_MS) {
        over = await isOver();
        lookedAt = Date.now();
      }
      if (!over) await pause(FILE_POLL_MS, signal);
    }
    yield { path: head.path, chunk: null };
  } finally {
    await handle.close();
  }
}

async function readAt(handle: FileHandle, position: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, position);
  return buffer.subarray(0, bytesRead);
}

/** How files begin. A file is looked into again only when it has changed. */
class Heads {
  readonly #known = new Map<string, { readonly state: string; readonly head: Head | null }>();

  /** Null: not a capture, or without a packet so far. */
  async of(file: string): Promise<Head | null> {
    const handle = await open(file, 'r').catch(() => null);
    if (handle === null) return null;
    try {
      const { ino, size, mtimeMs } = await handle.stat();
      const state = `${ino} ${size} ${mtimeMs}`;
      const known = this.#known.get(file);
      if (known?.state === state) return known.head;
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
      const first = new FirstTime();
      first.write(buffer.subarray(0, bytesRead));
      const head = first.time === null ? null : { path: file, time: first.time, key: first.key };
      this.#known.set(file, { state, head });
      return head;
    } finally {
      await handle.close();
    }
  }
}

/** Resolves early when the signal comes. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

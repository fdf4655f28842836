/** The captures of a folder, as `tcpdump -C` and `-G` leave them. */
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { BitternError } from '../../services/common/errors.ts';
import { openCaptureFile } from './file.ts';
import { type Dated, FirstTime, inOrder } from './first-time.ts';

/** Files of one folder. */
export const FOLDER_FILES_MAX = 10_000;
/** Bytes looked through for the first packet. */
const HEAD_BYTES_MAX = 4 * 1024 * 1024;

export interface Folder {
  /** In the order of their first packets. */
  readonly files: readonly string[];
  /** Names of files that aren't captures, or hold no packet. */
  readonly others: readonly string[];
}

/**
 * Folders within the folder aren't looked into.
 * @throws BitternError BIT_CAPTURE_FOLDER when it can't be read or holds too much
 */
export async function capturesIn(folder: string): Promise<Folder> {
  const names = await filesOf(folder);
  const dated: Dated[] = [];
  const others: string[] = [];
  for (const name of names) {
    const file = path.join(folder, name);
    const time = await firstTimeOf(file);
    if (time === null) others.push(name);
    else dated.push({ path: file, time });
  }
  return { files: dated.sort(inOrder).map((each) => each.path), others };
}

/** Names of the files in a folder. */
export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new BitternError('BIT_CAPTURE_FOLDER', `${folder} can't be read (${(cause as Error).message}).`, { cause });
  });
  const names = entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
  if (names.length <= FOLDER_FILES_MAX) return names;
  throw new BitternError(
    'BIT_CAPTURE_FOLDER',
    `${folder} holds ${names.length} files; at most ${FOLDER_FILES_MAX} are read: name those that you want.`,
  );
}

/** Null: not a capture, or without a packet at its beginning. */
async function firstTimeOf(file: string): Promise<number | null> {
  const first = new FirstTime();
  try {
    const opened = await openCaptureFile(file);
    let bytes = 0;
    for await (const chunk of opened.chunks) {
      first.write(chunk);
      bytes += chunk.length;
      if (first.time !== null || bytes > HEAD_BYTES_MAX) break;
    }
    opened.close();
  } catch (error) {
    if (!(error instanceof BitternError)) throw error;
  }
  return first.time;
}

/** What the body of an answer is: told by its content type, and by its first byte where that is missing or wrong. */
import type { Dialect } from './dialects/dialect.ts';

/**
 * `events`: SSE. `frames`: Amazon's binary events. `pieces`: JSON values one after the other, or the elements of one list.
 * `whole`: one value, or whatever an error brings. `media`: sound, pictures, subtitles: nothing of it is read.
 */
export type AnswerMode = 'undecided' | 'events' | 'frames' | 'pieces' | 'whole' | 'media' | 'dropped';

export interface AnswerHead {
  readonly status: number;
  readonly contentType: string;
}

const OPEN_LIST = 0x5b;
/** `data:`, `event:`, `id:`, `retry:` or a comment, sent as something else than an event stream. */
const FIELDS: ReadonlySet<number> = new Set([0x64, 0x65, 0x69, 0x72, 0x3a]);

/** By the head alone. */
export function modeOf({ contentType, status }: AnswerHead, dialect: Dialect | null): AnswerMode {
  if (contentType.includes('vnd.amazon.eventstream')) return 'frames';
  if (contentType.includes('event-stream')) return 'events';
  const isMedia = dialect?.stored === 'none' && status < 400 && contentType !== '' && !contentType.includes('json');
  return isMedia ? 'media' : 'undecided';
}

/** By the first bytes as well; `undecided` while they are blank. */
export function sniffMode(bytes: Buffer, { contentType, status }: AnswerHead, dialect: Dialect | null): AnswerMode {
  if (status >= 400 || contentType.includes('html')) return 'whole';
  if (/ndjson|jsonl|stream\+json/.test(contentType)) return 'pieces';
  let i = 0;
  while (i < bytes.length && bytes[i]! <= 0x20) i++;
  if (i === bytes.length) return 'undecided';
  // A list of vectors or scores is one answer, a list of anything else a stream.
  if (bytes[i] === OPEN_LIST) return dialect?.stored === undefined ? 'pieces' : 'whole';
  return FIELDS.has(bytes[i]!) && !contentType.includes('json') ? 'events' : 'whole';
}

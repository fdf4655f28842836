/** The bodies in which streams come: SSE as servers write it, in all ways that its grammar allows, lines of JSON, one JSON list, or Amazon's binary events. */
import type { Dialect, StreamEvent } from '../dialects/dialect.ts';
import { sse, written } from '../dialects/index.ts';
import type { BodyPiece } from './http-message.ts';
import type { Random } from './random.ts';

const delay = (index: number, fast: boolean, random: Random): number =>
  index === 0 ? 0 : random.int(fast ? 0 : 200, fast ? 300 : 9000);

/**
 * Comments, a byte order mark and line ends of all three kinds. Some servers leave out the empty line behind the last event,
 * of which nothing is missing then: `whole` allows that.
 */
export function ssePieces(events: readonly StreamEvent[], whole: boolean, random: Random): BodyPiece[] {
  const lineEnd = random.weighted({ '\n': 76, '\r\n': 19, '\r': 5 });
  const tight = random.chance(0.15);
  const fast = random.chance(0.3);
  const open = whole && random.chance(0.08);
  return events.map((each, index) => {
    const written = sse(each, lineEnd);
    const spaced = tight ? written.replace('data: ', 'data:') : written;
    const text = open && index === events.length - 1 ? spaced.slice(0, -lineEnd.length) : spaced;
    const comment = random.chance(0.03) ? `: keep-alive${lineEnd}${lineEnd}` : '';
    const mark = index === 0 && random.chance(0.03) ? '\ufeff' : '';
    return { text: mark + comment + text, delayUs: delay(index, fast, random) };
  });
}

/** `[{…},\r\n{…}]`: each event's last byte is the last of its piece, and the closing bracket a piece of its own. */
export function jsonListPieces(events: readonly StreamEvent[], random: Random): BodyPiece[] {
  const between = random.pick([',\r\n', '\n,\n', ',']);
  const fast = random.chance(0.3);
  const pieces = events.map((each, index) => ({
    text: (index === 0 ? '[' : between) + each.data,
    delayUs: delay(index, fast, random),
  }));
  return [...pieces, { text: random.chance(0.5) ? ']' : '\n]\n', delayUs: random.chance(0.5) ? 0 : 700 }];
}

/** One event a piece, as the dialect frames it. */
export function framedPieces(dialect: Dialect, events: readonly StreamEvent[], random: Random): BodyPiece[] {
  const fast = random.chance(0.3);
  return events.map((each, index) => ({ text: written(dialect, each), delayUs: delay(index, fast, random) }));
}

/** Cuts what is done with off a frame that comes again after a takeover. */
import type { Frame, Segment } from '../../schemas/frame.ts';

/**
 * The frame without the bytes (and gaps) before the given stream offsets; the frame itself when it lies behind them. A `fin` or
 * `rst` stays. Its offsets are never below the given ones, so that a stream which begins with it begins there.
 */
export function trimFrame(frame: Frame, client: number, server: number): Frame {
  if (frame.clientOffset >= client && frame.serverOffset >= server) return frame;
  const segments: Segment[] = [];
  const pieces: Buffer[] = [];
  const position = { client: frame.clientOffset, server: frame.serverOffset };
  const limit = { client, server };
  let at = 0;
  for (const segment of frame.segments) {
    const { side } = segment;
    const gapEnd = position[side] + segment.gap;
    const end = gapEnd + segment.length;
    const gap = Math.max(0, gapEnd - Math.max(position[side], limit[side]));
    const skip = Math.min(segment.length, Math.max(0, limit[side] - gapEnd));
    const length = segment.length - skip;
    if (length > 0 || gap > 0 || segment.kind !== 'data') {
      segments.push({ ...segment, gap, length });
      pieces.push(frame.payload.subarray(at + skip, at + segment.length));
    }
    at += segment.length;
    position[side] = end;
  }
  return {
    ...frame,
    clientOffset: Math.max(frame.clientOffset, client),
    serverOffset: Math.max(frame.serverOffset, server),
    segments,
    payload: Buffer.concat(pieces),
  };
}

/** Stream offsets behind the frame's last segments. */
export function frameEnds(frame: Frame): { readonly client: number; readonly server: number } {
  let client = frame.clientOffset;
  let server = frame.serverOffset;
  for (const { side, gap, length } of frame.segments) {
    if (side === 'client') client += gap + length;
    else server += gap + length;
  }
  return { client, server };
}

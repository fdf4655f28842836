/** What an HTTP/2 server sends first (RFC 9113 section 3.4): the head of a SETTINGS frame that acknowledges nothing. */
import { FRAME_HEAD_BYTES, IMPOSSIBLE, judgeHead, SETTINGS } from './frame.ts';

export const SERVER_PREFACE_BYTES = FRAME_HEAD_BYTES;

/** Whether the first `length` bytes, at most SERVER_PREFACE_BYTES of them, fit. */
export function mayBeServerPreface(bytes: Buffer, length: number): boolean {
  if (judgeHead(bytes, 0, length, 0) === IMPOSSIBLE) return false;
  return (length < 4 || bytes[3] === SETTINGS) && (length < 5 || bytes[4] === 0);
}

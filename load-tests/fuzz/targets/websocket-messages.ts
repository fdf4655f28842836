/** One direction of a WebSocket: frames, masks, messages, inflating, resynchronising and taking up again. */
import assert from 'node:assert/strict';
import { type DirectionState, MessageReader } from '../../../services/websocket/message-reader.ts';
import { SOCKET_DEFAULTS } from '../../../services/websocket/options.ts';
import type { FuzzTarget } from '../target.ts';
import { DATA, GAP, LOSE, mutatePieces, piecesOf, RESUME, SHED, seedsOf, sizeOf, TOKENS } from './websocket-input.ts';

const LIMITS = { ...SOCKET_DEFAULTS, messageBytesMax: 100_000, inflatedFloorBytes: 50_000 };
/** The message, twice while it grows, and the window. */
const HELD_BYTES_MAX = 4 * LIMITS.messageBytesMax;
const CONTEXTS = [null, true, false, 'unknown'] as const;
/** By context, side, and whether its beginning is seen. */
const SETTINGS = 16;

export const websocketMessages: FuzzTarget = {
  name: 'websocket/messages',
  share: 24,
  tokens: TOKENS,
  seeds: () => seedsOf(SETTINGS),
  mutate: mutatePieces,
  run(input) {
    const setting = input[0] ?? 0;
    const side = (setting & 4) === 0 ? 'client' : 'server';
    const context = CONTEXTS[setting & 3]!;
    const seen = { messages: 0, lost: 0, problems: 0, bytes: 0 };
    const owner = {
      message: (message: { readonly data: Buffer; readonly problem: string; readonly wireBytes: number }) => {
        assert.ok(message.data.length <= LIMITS.messageBytesMax, 'longer than a message may be');
        assert.ok(message.wireBytes >= 0, 'bytes on the wire');
        seen.messages++;
        seen.bytes += message.wireBytes;
        if (message.problem !== '') seen.problems |= 1 << (message.problem.length % 4);
      },
      lost: () => seen.lost++,
    };
    const synced = (setting & 8) === 0;
    const start: DirectionState = { offset: 0, synced, lossy: !synced, window: Buffer.alloc(0) };
    let reader = new MessageReader(side, context, LIMITS, owner, start);
    let offset = 0;
    let resumed = 0;
    for (const piece of piecesOf(input)) {
      const kind = piece.kind & ~1;
      if (kind === GAP) reader.gap(sizeOf(piece));
      if (kind === GAP) offset += sizeOf(piece);
      else if (kind === LOSE) reader.lose(sizeOf(piece), offset);
      else if (kind === SHED) reader.shed(piece.bytes.length % 2 === 0);
      else if (kind === RESUME && reader.atRest) {
        reader = new MessageReader(side, context, LIMITS, owner, reader.standing);
        resumed = 1;
      } else if (kind === DATA) {
        reader.data(piece.bytes, offset, offset);
        offset += piece.bytes.length;
      }
      const { standing } = reader;
      assert.ok(standing.offset >= 0 && standing.offset <= offset, 'stands where nothing was read');
      assert.ok(!reader.atRest || standing.offset === offset || resumed === 1 || !synced || seen.lost > 0, 'at rest');
      assert.ok((standing.window?.length ?? 0) <= 32_768, 'window');
      assert.ok(reader.heldBytes <= HELD_BYTES_MAX, `${reader.heldBytes} bytes are held`);
    }
    reader.end();
    assert.ok(seen.bytes <= offset, 'more payload than bytes');
    const many = Math.min(seen.messages, 15) * 8 + Math.min(seen.lost, 7);
    return ((many * 16 + seen.problems) * 2 + resumed) * 16 + (setting & 15);
  },
};

/**
 * A WebSocket connection from its frames to calls: after an upgrade, on a stream of HTTP/2, or joined in its middle; with losses, and
 * taken up by successors.
 */
import assert from 'node:assert/strict';
import type { Observation } from '../../../schemas/call.ts';
import type { RolesSource } from '../../../schemas/frame.ts';
import { HttpAssembler } from '../../../services/http/assembler.ts';
import { PREFACE } from '../../../services/http/h2/frame.ts';
import { block, frame } from '../../../services/http/h2/testing.ts';
import { HTTP_DEFAULTS } from '../../../services/http/options.ts';
import { accounted, client, framesOf, type Step, server, TEST_MASKER } from '../../../services/http/testing.ts';
import { CallRecognizer } from '../../../services/llm/recognizer.ts';
import { TEST_OPTIONS } from '../../../services/llm/testing.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../services/reassembler/checkpoint.ts';
import type { FuzzTarget } from '../target.ts';
import { DATA, GAP, mutatePieces, piecesOf, seedsOf, sideOf, sizeOf, TOKENS } from './websocket-input.ts';

const EXTENSIONS = [
  '',
  'permessage-deflate',
  'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
  'permessage-deflate; client_no_context_takeover',
] as const;
const UPGRADED = 0;
const STREAM = 1;
const JOINED = 2;
const JOINED_GUESSED = 3;
/** By extension and by how the connection begins. */
const SETTINGS = 16;
const STREAM_ID = 1;
const CONNECTION = 'c'.repeat(32);
/** Texts of one input come to no more than some times this. */
const HELD_BYTES_MAX = 8 * 1024 * 1024;

function opening(how: number, extensions: string): Step[] {
  const header = extensions === '' ? '' : `sec-websocket-extensions: ${extensions}\r\n`;
  const upgrade = 'connection: Upgrade\r\nupgrade: websocket\r\n';
  if (how === UPGRADED) {
    const asks = `GET /v1/responses HTTP/1.1\r\nhost: h\r\n${upgrade}\r\n`;
    return [client(asks), server(`HTTP/1.1 101 S\r\n${upgrade}${header}\r\n`)];
  }
  if (how !== STREAM) return [];
  const pseudo = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/v1/responses' };
  const answer = { ':status': '200', ...(extensions === '' ? {} : { 'sec-websocket-extensions': extensions }) };
  return [
    client(Buffer.concat([PREFACE, frame(4, 0, 0)])),
    server(frame(4, 0, 0)),
    client(frame(1, 4, STREAM_ID, block(pseudo))),
    server(frame(1, 4, STREAM_ID, block(answer))),
  ];
}

function stepsOf(input: Buffer, how: number, extensions: string): Step[] {
  const gaps = { client: 0, server: 0 };
  const steps = opening(how, extensions);
  for (const piece of piecesOf(input)) {
    const side = sideOf(piece);
    const kind = piece.kind & ~1;
    if (kind === GAP) gaps[side] += sizeOf(piece);
    if (kind !== DATA) continue;
    const bytes = how === STREAM ? frame(0, piece.kind & 8 ? 1 : 0, STREAM_ID, piece.bytes) : piece.bytes;
    steps.push({ side, bytes, gap: gaps[side] });
    gaps[side] = 0;
  }
  return steps;
}

export const websocketConnection: FuzzTarget = {
  name: 'websocket/connection',
  share: 1,
  tokens: TOKENS,
  seeds: () => seedsOf(SETTINGS),
  mutate: mutatePieces,
  run(input) {
    const setting = input[0] ?? 0;
    const how = (setting >> 2) & 3;
    const steps = stepsOf(input, how, EXTENSIONS[setting & 3]!);
    const rolesSource: RolesSource = how === JOINED_GUESSED ? 'guess' : 'handshake';
    const options = { connection: CONNECTION, fromStart: how < JOINED, rolesSource, stepsPerFrame: 1 + (setting >> 6) };
    const frames = framesOf(steps, { ...options, close: 'fin' } as const);
    const seen: Observation[] = [];
    const http = (setting & 16) === 0 ? HTTP_DEFAULTS : { ...HTTP_DEFAULTS, endUpgradesAtOnce: true };
    const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => seen.push(observation));
    const assembler = new HttpAssembler(http, recognizer, TEST_MASKER);
    let payload = 0;
    const told = input.length % frames.length;
    for (const each of frames) {
      assembler.feed(each);
      payload += each.payload.length;
      assert.ok(assembler.heldBytes >= 0 && assembler.heldBytes <= HELD_BYTES_MAX, 'held');
      const resume = assembler.resumePoint(each.connection);
      if (resume === null || each.sequence !== told) continue;
      const text = encodeCheckpoint(new Map([[each.connection, resume]]));
      assert.ok(decodeCheckpoint(text)?.has(each.connection), 'a checkpoint that cannot be read');
    }
    assembler.end();
    assert.equal(accounted(assembler.stats), payload, 'bytes that are told of');
    assert.deepEqual([assembler.openExchanges, assembler.heldBytes], [0, 0], 'nothing is left');
    const ids = new Set<string>();
    let kinds = 0;
    for (const each of seen) {
      if (each.type === 'tool_execution') continue;
      const id = each.type === 'call' ? each.call.callId : each.exchange.exchangeId;
      assert.ok(!ids.has(id), 'the same id twice');
      ids.add(id);
      if (each.type !== 'call') continue;
      kinds |= 1 << (each.call.outcome.length % 8);
      if (how >= JOINED) assert.equal(each.call.completeness, 'head_missing', 'a joined call that passes for whole');
    }
    return (
      ((Math.min(ids.size, 15) * 256 + kinds) * 16 + (setting & 15)) * 2 + (assembler.stats.skippedBytes > 0 ? 1 : 0)
    );
  },
};

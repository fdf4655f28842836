/** Wireshark's WebSocket dissector as a second opinion on what a capture of a real conversation holds. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { CAPTURE_DEFAULTS, Capture } from '../../mirror/index.ts';
import { HttpAssembler } from '../../services/http/assembler.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { Recorder, TEST_MASKER } from '../../services/http/testing.ts';
import { parseExtensions } from '../../services/websocket/extension.ts';
import { SOCKET_DEFAULTS } from '../../services/websocket/options.ts';
import { SocketTunnel } from '../../services/websocket/tunnel.ts';
import { startFakeLlm } from '../fake-llm/server.ts';
import type { FakeDeflate } from '../fake-llm/socket.ts';
import { missingPrograms, withFolder } from '../testing.ts';
import { type TsharkText, tsharkTexts } from '../tshark.ts';
import { stepsPcap } from '../wire/steps-pcap.ts';
import { startTap } from '../wire/tap.ts';

/** `fragments`: tshark 4.0 can't inflate messages in fragments that share a context, so it is given none of those. */
async function record(deflate: FakeDeflate, fragments: boolean): Promise<Buffer> {
  const server = await startFakeLlm({ deflate });
  const tap = await startTap(server.port);
  const socket = new WebSocket(`ws://127.0.0.1:${tap.port}/chat`);
  await once(socket, 'open');
  for (let n = 0; n < 30; n++) {
    const text = JSON.stringify({ n, text: `Schön, ${'word '.repeat((n * n) % 700)}` });
    if (fragments && n % 5 === 0) {
      socket.send(text.slice(0, 3), { fin: false });
      socket.ping('beat');
      socket.send(text.slice(3, 7), { fin: false });
      socket.send(text.slice(7));
    } else socket.send(text);
    await once(socket, 'message');
  }
  socket.close();
  await once(socket, 'close');
  await tap.close();
  await server.close();
  return stepsPcap(tap.connections);
}

/** The text messages that our layers find in the capture. */
function texts(pcap: Buffer): TsharkText[] {
  const found: TsharkText[] = [];
  const consumer = {
    ...{ busy: false, open: 0, heldBytes: 0, memory: null, readBy: () => {}, lost: () => {}, end: () => {} },
    message: ({ side, data }: { readonly side: string; readonly data: Buffer }) => {
      found.push({ fromClient: side === 'client', text: data.toString('utf8') });
    },
  };
  class Handler extends Recorder {
    onUpgrade(exchange: Parameters<Recorder['onEnd']>[0], client: number, server: number): SocketTunnel {
      const deflate = parseExtensions(exchange.responseHead?.headers.get('sec-websocket-extensions') ?? '');
      assert.notEqual(deflate, 'unknown');
      const setup = { deflate: deflate === 'unknown' ? null : deflate, origin: {}, carriesCalls: false };
      const side = { synced: true, lossy: false, window: Buffer.alloc(0) };
      return new SocketTunnel(
        setup,
        SOCKET_DEFAULTS,
        consumer,
        { ...side, offset: client },
        { ...side, offset: server },
      );
    }
  }
  const assembler = new HttpAssembler(HTTP_DEFAULTS, new Handler(), TEST_MASKER);
  const capture = new Capture(CAPTURE_DEFAULTS, (frame) => assembler.feed(frame));
  capture.nextSource('test');
  capture.write(pcap);
  capture.end('eof');
  return found;
}

const MODES: readonly (readonly [name: string, deflate: FakeDeflate, fragments: boolean])[] = [
  ['without compression', false, true],
  ['with context takeover', { threshold: 0 }, false],
  ['without context takeover', { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true }, true],
];

for (const [name, deflate, fragments] of MODES) {
  test(`tshark reads the same messages ${name}`, { skip: missingPrograms('tshark') }, async () => {
    const pcap = await record(deflate, fragments);
    await withFolder(async (folder) => {
      const path = join(folder, 'socket.pcap');
      writeFileSync(path, pcap);
      const theirs = await tsharkTexts(path, 80);
      const ours = texts(pcap);
      assert.equal(ours.length, 60);
      assert.deepEqual(ours, theirs);
    });
  });
}

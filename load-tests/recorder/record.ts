/**
 * Records real SDK clients that talk to the fake server on loopback: a capture by tcpdump (needs root or CAP_NET_RAW) and
 * the manifest of what it holds.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { startFakeLlm } from '../fake-llm/server.ts';
import type { Manifest } from '../manifest.ts';
import { startDump, stopDump } from '../wire/dump.ts';
import { PLANTED } from './credentials.ts';
import { expectedOf } from './expected.ts';
import { storyScript } from './stories.ts';

const CLIENTS = fileURLToPath(new URL('clients.ts', import.meta.url));
const RECORDER = {
  clientsTimeoutMs: 60_000,
  /** For the last FINs to come through. */
  settleMs: 500,
} as const;

async function runClients(url: string): Promise<string> {
  const child = spawn(process.execPath, [CLIENTS, url], {
    stdio: ['ignore', 'inherit', 'pipe'],
    timeout: RECORDER.clientsTimeoutMs,
  });
  let errors = '';
  child.stderr.on('data', (bytes: Buffer) => {
    errors += bytes.toString();
  });
  await once(child, 'exit');
  if (child.exitCode !== 0) throw new Error(`The clients failed: ${errors}`);
  return errors;
}

function packetCount(pcap: Buffer): number {
  let count = 0;
  for (let at = 24; at < pcap.length; at += 16 + pcap.readUInt32LE(at + 8)) count++;
  return count;
}

/** Writes the capture to `path` (classic pcap) and returns its manifest. */
export async function record(path: string): Promise<Manifest> {
  const server = await startFakeLlm({ script: storyScript });
  try {
    const dump = await startDump(path, server.port);
    await runClients(server.url);
    await sleep(RECORDER.settleMs);
    await server.close();
    await sleep(RECORDER.settleMs);
    await stopDump(dump);
  } finally {
    await server.close().catch(() => undefined);
  }
  const connections = new Set(server.served.map((each) => each.clientPort));
  return {
    capture: {
      type: 'capture',
      source: { recorder: 'openai, @anthropic-ai/sdk, @google/genai, fetch' },
      packets: packetCount(readFileSync(path)),
      lost_packets: 0,
      connections: connections.size,
      credentials: Object.values(PLANTED),
    },
    ...expectedOf(server.served),
  };
}

/** tcpdump on loopback, for recordings of real clients. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const DUMP = {
  /** tcpdump's ring, KiB. */
  ringKiB: 32_768,
  startupTimeoutMs: 10_000,
} as const;

export interface Dump {
  readonly child: ChildProcess;
  /** What it wrote on standard error. */
  text: string;
}

/** Captures what goes through this port on loopback. Needs root or CAP_NET_RAW. */
export async function startDump(path: string, port: number): Promise<Dump> {
  const args = ['-i', 'lo', '-U', '-s', '0', '-B', String(DUMP.ringKiB), '--immediate-mode', '-w', path];
  const child = spawn('tcpdump', [...args, `tcp port ${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  const dump: Dump = { child, text: '' };
  child.stderr?.on('data', (bytes: Buffer) => {
    dump.text += bytes.toString();
  });
  const deadline = Date.now() + DUMP.startupTimeoutMs;
  while (!dump.text.includes('listening on')) {
    if (child.exitCode !== null || Date.now() > deadline) {
      throw new Error(`tcpdump doesn't capture; run as root or give it CAP_NET_RAW: ${dump.text}`);
    }
    await sleep(20);
  }
  return dump;
}

/** @throws Error when the kernel dropped packets */
export async function stopDump(dump: Dump): Promise<void> {
  const exit = once(dump.child, 'exit');
  dump.child.kill('SIGINT');
  await exit;
  if (!/^0 packets dropped by kernel/m.test(dump.text)) {
    throw new Error(`The kernel dropped packets of the recording, so it isn't whole; record again: ${dump.text}`);
  }
}

/**
 * Runs a program for each message, with the findings as JSON on its standard input. No shell is between: arguments are those of
 * the configuration, and nothing of the traffic gets into them. It has failed when it doesn't end with 0 in time, and then it is
 * run again later with the same BITTERN_ALERT_ID.
 */
import { spawn } from 'node:child_process';
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../defaults.ts';
import type { Notification } from '../notification.ts';
import type { ReceiverType, SendOutcome } from './receiver.ts';
import { receiverName, timeoutMs, updates } from './settings.ts';

const STDERR_CHARS_MAX = 200;
/** What a child needs to find its way; the rest may hold secrets. */
const INHERITED = ['PATH', 'HOME', 'LANG', 'TZ', 'TMPDIR'] as const;

const settings = z.strictObject({
  type: z.literal('command'),
  name: receiverName,
  command: z.array(z.string().min(1)).min(1).max(100).describe('The program and its arguments.'),
  environment: z.record(z.string(), z.string()).default({}).describe('Further environment variables of the program.'),
  concurrency: z.int().min(1).max(32).default(2).describe('Programs that run at once.'),
  updates: updates(false),
  timeoutMs,
});

export const command: ReceiverType<typeof settings> = {
  type: 'command',
  settings,
  create: async (options) => ({
    name: options.name,
    delivery: {
      grouped: true,
      updates: options.updates,
      concurrency: options.concurrency,
      alertsMax: ALERT_DEFAULTS.messageAlertsMax,
      timeoutMs: options.timeoutMs,
      repeatIntervalMs: null,
      spacingMs: 0,
    },
    send: (notification, signal) => run(options, notification, signal),
    close: async () => {},
  }),
};

export function commandInput(notification: Notification): string {
  return JSON.stringify({
    alertId: notification.id,
    receiver: notification.receiver,
    status: notification.status,
    groupLabels: notification.groupLabels,
    truncated: notification.truncated,
    alerts: notification.alerts.map(({ alert, news, content }) => ({
      news,
      labels: alert.labels,
      finding: alert.finding,
      ...(content === undefined ? {} : { content }),
    })),
  });
}

function environmentOf(own: Readonly<Record<string, string>>, id: string): NodeJS.ProcessEnv {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(inherited), ...own, BITTERN_ALERT_ID: id };
}

function run(
  options: { readonly command: readonly string[]; readonly environment: Readonly<Record<string, string>> },
  notification: Notification,
  signal: AbortSignal,
): Promise<SendOutcome> {
  const [program = '', ...args] = options.command;
  return new Promise((resolve) => {
    const failed = (problem: string): void => resolve({ ok: false, kind: 'unavailable', problem });
    if (signal.aborted) return failed('ended before it began');
    // A group of its own, so that what it started ends with it.
    const child = spawn(program, args, {
      env: environmentOf(options.environment, notification.id),
      stdio: ['pipe', 'ignore', 'pipe'],
      detached: true,
    });
    const kill = (): void => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      } catch {
        // It has ended meanwhile.
      }
    };
    signal.addEventListener('abort', kill, { once: true });
    let complaint = '';
    child.stderr.on('data', (chunk: Buffer) => {
      if (complaint.length < STDERR_CHARS_MAX) complaint += chunk.toString('utf8');
    });
    // It may end without reading.
    child.stdin.on('error', () => {});
    child.stdin.end(commandInput(notification));
    child.on('error', (error: NodeJS.ErrnoException) =>
      failed(`the program can't be started: ${error.code ?? 'error'}`),
    );
    child.on('exit', (code, killedBy) => {
      signal.removeEventListener('abort', kill);
      child.stderr.destroy();
      if (code === 0) return resolve({ ok: true });
      const how = killedBy === null ? `exit code ${code}` : signal.aborted ? 'took too long' : `killed by ${killedBy}`;
      const line = complaint.replace(/\s+/g, ' ').trim().slice(0, STDERR_CHARS_MAX);
      failed(line === '' ? how : `${how}: ${line}`);
    });
  });
}

/**
 * What a process says on standard error: lines for people on a terminal, else one line of JSON an event, for whatever gathers
 * logs. Neither holds a word of the traffic: events are Bittern's own sentences, and of foreign errors only names and codes are told.
 */
import type { Logger } from 'pino';
import { BitternError, toldOf } from '../common/errors.ts';
import type { LogFormat } from './defaults.ts';

export interface Log {
  /** Something that an operator should know: a sentence. */
  note(line: string): void;
  /** Something failed, and the process goes on. */
  warn(line: string): void;
  /** The process ends because of it. */
  fail(error: unknown): void;
}

export interface LogOptions {
  readonly format: LogFormat;
  /** True: a process that runs for long, whose standard error is read by programs unless it is a terminal. */
  readonly service: boolean;
  /** The command: `reassembler`, … */
  readonly stage: string;
}

/** File descriptor of standard error. */
const STDERR = 2;

export async function openLog({ format, service, stage }: LogOptions): Promise<Log> {
  const asJson = format === 'json' || (format === 'auto' && service && !process.stderr.isTTY);
  if (!asJson) return textLog((line) => process.stderr.write(`${line}\n`));
  // Commands that end soon start sooner without it.
  const { pino } = await import('pino');
  const options = {
    base: { pid: process.pid, stage },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  // Synchronous: the last lines of a process that ends are the interesting ones.
  return jsonLog(pino(options, pino.destination({ fd: STDERR, sync: true })));
}

export function jsonLog(logger: Logger): Log {
  return {
    note: (line) => logger.info(line),
    warn: (line) => logger.warn(line),
    fail: (error) =>
      logger.fatal(
        error instanceof BitternError ? { code: error.code } : { stack: framesOf(error) },
        sentenceOf(error),
      ),
  };
}

export function textLog(write: (line: string) => void): Log {
  return {
    note: write,
    warn: (line) => write(`bittern: ${line}`),
    fail: (error) => {
      const usage = error instanceof BitternError && USAGE.has(error.code);
      const code = error instanceof BitternError && !usage ? ` [${error.code}]` : '';
      write(`bittern: ${sentenceOf(error)}${code}`);
      if (!(error instanceof BitternError)) for (const frame of framesOf(error)) write(frame);
    },
  };
}

/** Codes of errors that are the caller's, and told without the code. */
export const USAGE: ReadonlySet<string> = new Set(['BIT_USAGE', 'BIT_CONFIG_INVALID']);

function sentenceOf(error: unknown): string {
  return error instanceof BitternError ? error.message : `unexpected error: ${toldOf(error)}`;
}

/** Where it happened, without the message, which may quote what was worked on. */
function framesOf(error: unknown): string[] {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}

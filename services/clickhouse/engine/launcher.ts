/**
 * The child process of the embedded engine: loads libchdb.so and runs ClickHouse's own HTTP server in it.
 *
 *     node launcher.ts LIBRARY LOCKFILE ENGINE-ARGUMENTS…
 *
 * `clickhouse --interactive` must have a terminal on fd 0, else it ends at any socket error (ClickHouse #115666), so it gets a
 * private pty; the line `exit` on it stops the engine gracefully. The lock is the kernel's (flock): it goes when the process
 * does, however it ends. Exit codes: 0 stopped, 75 another engine has the folder, other: failed.
 */
import { constants, openSync, writeSync } from 'node:fs';
import { DataType, load, open } from 'ffi-rs';
import { LAUNCHER_EXIT } from './exit-codes.ts';

const STOP_MS = 15_000;
const LOCK_EX_NB = 2 | 4;
const O_NOCTTY = 0o400;

/** Calls a libc function of int arguments that returns an int. */
function libc(funcName: string, ...args: number[]): number {
  const paramsType = args.map(() => DataType.I32);
  return load({ library: 'c', funcName, retType: DataType.I32, paramsType, paramsValue: args }) as number;
}

/** Puts the slave of a new pty on fd 0 and returns the master's descriptor. */
function openTerminal(): number {
  const master = libc('posix_openpt', constants.O_RDWR | O_NOCTTY);
  if (master < 0 || libc('grantpt', master) !== 0 || libc('unlockpt', master) !== 0)
    throw new Error('no pty available');
  const name = load({
    library: 'c',
    funcName: 'ptsname',
    retType: DataType.String,
    paramsType: [DataType.I32],
    paramsValue: [master],
  }) as string;
  libc('dup2', openSync(name, constants.O_RDWR | O_NOCTTY), 0);
  return master;
}

function main(library: string, lockFile: string, engineArguments: readonly string[]): void {
  process.umask(0o077);
  open({ library: 'chdb', path: library });
  open({ library: 'c', path: 'libc.so.6' });
  if (libc('flock', openSync(lockFile, 'a', 0o600), LOCK_EX_NB) !== 0) process.exit(LAUNCHER_EXIT.locked);

  const master = openTerminal();
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    writeSync(master, 'exit\n');
    setTimeout(() => process.exit(LAUNCHER_EXIT.stuck), STOP_MS).unref();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', () => {}); // Ctrl-C reaches the whole terminal group; the parent decides when the engine stops.
  process.on('disconnect', stop); // The parent ended or was killed: no orphan stays.

  const argv = ['clickhouse', '--interactive', '--disable_suggestion', '--history_file=/dev/null', ...engineArguments];
  argv.push('--query', 'SYSTEM START LISTEN HTTP');
  const engine = load({
    library: 'chdb',
    funcName: 'chdb_query_cmdline',
    retType: DataType.External,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [argv.length, argv],
    runInNewThread: true,
  }) as unknown as Promise<unknown>;
  engine.then(
    () => process.exit(stopping ? LAUNCHER_EXIT.stopped : LAUNCHER_EXIT.ended),
    () => process.exit(LAUNCHER_EXIT.ended),
  );
}

const [library, lockFile, ...engineArguments] = process.argv.slice(2);
main(library!, lockFile!, engineArguments);

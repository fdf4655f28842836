/**
 * The file by which another process on the same data folder finds the running engine: address and password, mode 0600.
 * It is believed only when the processes live and an engine with the same random name answers, so that what a killed process
 * left behind, or a re-used pid or port, is never taken for an engine.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';

export interface EngineRuntime {
  /** The process that started the engine and stops it when it ends. */
  readonly supervisorPid: number;
  readonly enginePid: number;
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** What the engine answers in X-ClickHouse-Server-Display-Name. */
  readonly displayName: string;
}

/** Written beside and renamed, so that a reader never sees half of it. */
export function writeRuntimeFile(file: string, runtime: EngineRuntime): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}`;
  writeFileSync(temporary, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
  renameSync(temporary, file);
}

export function removeRuntimeFile(file: string): void {
  rmSync(file, { force: true });
}

/** What the file says, or null when it is missing or unreadable. */
export function readRuntimeFile(file: string): EngineRuntime | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Partial<EngineRuntime> | null;
    const texts = [value?.url, value?.user, value?.password, value?.database, value?.displayName];
    const pids = [value?.supervisorPid, value?.enginePid];
    const valid = texts.every((text) => typeof text === 'string') && pids.every((pid) => Number.isSafeInteger(pid));
    return valid ? (value as EngineRuntime) : null;
  } catch {
    return null;
  }
}

/** True when the engine that the file describes runs and will go on running. */
export async function engineAnswers(runtime: EngineRuntime, timeoutMs: number): Promise<boolean> {
  if (!isAlive(runtime.supervisorPid) || !isAlive(runtime.enginePid)) return false;
  return (await displayNameAt(runtime, timeoutMs)) === runtime.displayName;
}

/** A killed process that its parent hasn't asked after yet (state Z) is dead, though a signal would still reach it. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const state = stat[stat.lastIndexOf(')') + 2];
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

export type EngineAddress = Pick<EngineRuntime, 'url' | 'user' | 'password'>;

/** Asks for the engine's name as its user; undefined when nothing, or something else, answers. */
export function displayNameAt(address: EngineAddress, timeoutMs: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { 'X-ClickHouse-User': address.user, 'X-ClickHouse-Key': address.password };
    const url = new URL('/?query=SELECT+1', address.url);
    const request = http.get(url, { agent: false, headers, timeout: timeoutMs }, (response) => {
      response.resume();
      response.on('error', () => resolve(undefined));
      const name = response.headers['x-clickhouse-server-display-name'];
      response.on('end', () => resolve(response.statusCode === 200 ? String(name) : undefined));
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(undefined));
  });
}

/**
 * Clients of vendors that only one test needs: installed into a folder that git ignores, at these versions, instead of into
 * everybody's node_modules.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const FOLDER = fileURLToPath(new URL('../../.cache/clients/', import.meta.url));

const PACKAGES: Readonly<Record<string, string>> = {
  '@aws-sdk/client-bedrock-runtime': '3.1164.0',
  '@mistralai/mistralai': '2.7.0',
  '@modelcontextprotocol/sdk': '1.32.2',
  '@smithy/node-http-handler': '4.14.2',
  'cohere-ai': '8.1.0',
  ollama: '0.6.4',
};

function installed(packages: Readonly<Record<string, string>>): boolean {
  return Object.entries(packages).every(([name, version]) => {
    const file = join(FOLDER, 'node_modules', name, 'package.json');
    return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version === version;
  });
}

/** Installs what is missing, at exactly these versions. Needs the npm registry the first time. */
export function installPackages(packages: Readonly<Record<string, string>>): void {
  if (installed(packages)) return;
  mkdirSync(FOLDER, { recursive: true });
  const file = join(FOLDER, 'package.json');
  if (!existsSync(file)) writeFileSync(file, '{"private":true}');
  const options = ['--save-exact', '--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  const wanted = Object.entries(packages).map(([name, version]) => `${name}@${version}`);
  execFileSync('npm', ['install', '--prefix', FOLDER, ...options, ...wanted], { stdio: 'inherit' });
}

export const installClients = (): void => installPackages(PACKAGES);

/** A module of one of these packages. What it exports is typed by who uses it. */
export async function load<T>(name: string): Promise<T> {
  const path = createRequire(join(FOLDER, 'package.json')).resolve(name);
  return (await import(pathToFileURL(path).href)) as T;
}

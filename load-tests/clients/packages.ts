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

function installed(): boolean {
  return Object.entries(PACKAGES).every(([name, version]) => {
    const file = join(FOLDER, 'node_modules', name, 'package.json');
    return existsSync(file) && (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version === version;
  });
}

/** Installs what is missing. Needs the npm registry the first time. */
export function installClients(): void {
  if (installed()) return;
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(join(FOLDER, 'package.json'), JSON.stringify({ private: true, dependencies: PACKAGES }));
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--silent'];
  execFileSync('npm', ['install', '--prefix', FOLDER, ...options], { stdio: 'inherit' });
}

/** A module of one of these packages. What it exports is typed by who uses it. */
export async function load<T>(name: string): Promise<T> {
  const path = createRequire(join(FOLDER, 'package.json')).resolve(name);
  return (await import(pathToFileURL(path).href)) as T;
}

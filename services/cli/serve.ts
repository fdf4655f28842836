/** Serves the API for a command and tells how to reach it. */
import path from 'node:path';
import type { ApiFailure } from '../api/failure.ts';
import { type Api, startApi } from '../api/server.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Config } from '../config/schema.ts';
import { secretFrom } from './runtime.ts';

const TOKEN_NAME = 'api-token';

export async function serveApi(config: Config, store: Store): Promise<Api> {
  const { host, port, allowRemote, tokenFile } = config.api;
  const token = await secretFrom(config, tokenFile, TOKEN_NAME);
  return startApi(store, { host, port, allowRemote, token, onFailure: tellFailure });
}

/** The API's clients aren't told why; whoever runs it is. */
function tellFailure(failure: ApiFailure): void {
  const { cause } = failure;
  process.stderr.write(
    `bittern: the API: ${failure.message} ${cause instanceof Error ? cause.message : String(cause)}\n`,
  );
}

/** A command line that asks the API. The token stays in its file. */
export function curlLine(config: Config, api: Api, route: string): string {
  const file = config.api.tokenFile || path.join(config.dataDir, TOKEN_NAME);
  return `curl -H "Authorization: Bearer $(cat ${file})" ${api.url}${route}`;
}

export function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  // The timer keeps the process alive when nothing else does.
  const keepAlive = setInterval(() => {}, 3_600_000);
  return new Promise((resolve) => {
    signal.addEventListener(
      'abort',
      () => {
        clearInterval(keepAlive);
        resolve();
      },
      { once: true },
    );
  });
}

/** Serves the API for a command and tells how to reach it. */
import path from 'node:path';
import type { ApiFailure } from '../api/failure.ts';
import { type Api, startApi } from '../api/server.ts';
import type { Store } from '../clickhouse/store.ts';
import { toldOf } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import type { Observer } from '../observe/observer.ts';
import type { Context } from './command.ts';
import { secretFrom } from './runtime.ts';

const TOKEN_NAME = 'api-token';

/** `observer`: what /readyz and /metrics tell; without one the store alone decides. */
export async function serveApi(
  config: Config,
  store: Store,
  { warn }: Pick<Context, 'warn'>,
  observer: Observer | null = null,
): Promise<Api> {
  const { host, port, allowRemote, tokenFile, trafficByAgent } = config.api;
  const token = await secretFrom(config, tokenFile, TOKEN_NAME);
  // The API's clients aren't told why; whoever runs it is.
  const onFailure = ({ message, cause }: ApiFailure): void => warn(`The API: ${message} ${toldOf(cause)}`);
  return startApi(store, { host, port, allowRemote, token, onFailure, observer, trafficByAgent });
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

/** What all connections of an assembler share. */
import { BodyPieces } from './body-pieces.ts';
import type { CredentialMasker } from './credentials.ts';
import type { ExchangeHandler } from './exchange.ts';
import { HeadReader } from './head.ts';
import type { StreamContext } from './message-stream.ts';
import { createHttpStats, type HttpOptions } from './options.ts';

export interface ConnectionContext extends StreamContext {
  readonly handler: ExchangeHandler;
  readonly masker: CredentialMasker;
}

export function createConnectionContext(
  options: HttpOptions,
  handler: ExchangeHandler,
  masker: CredentialMasker,
): ConnectionContext {
  const heads = new HeadReader(masker, options.headersMax);
  return { options, handler, masker, stats: createHttpStats(), heads, pieces: new BodyPieces() };
}

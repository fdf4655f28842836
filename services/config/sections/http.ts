/** How HTTP is read. */

import { z } from 'zod';
import { HTTP_DEFAULTS } from '../../http/options.ts';
import { GB, MB, whole } from '../fields.ts';

export const http = z
  .strictObject({
    headBytesMax: whole(1024, 16 * MB, HTTP_DEFAULTS.headBytesMax, 'Longest head of a message.'),
    resyncHeadBytesMax: whole(
      1024,
      16 * MB,
      HTTP_DEFAULTS.resyncHeadBytesMax,
      'Longest head that is believed while a direction looks for a message to begin with.',
    ),
    headersMax: whole(8, 10_000, HTTP_DEFAULTS.headersMax, 'Most header fields that are read of one head.'),
    chunkLineBytesMax: whole(64, MB, HTTP_DEFAULTS.chunkLineBytesMax, 'Longest chunk-size line with its extensions.'),
    pipelineMax: whole(1, 100_000, HTTP_DEFAULTS.pipelineMax, 'Most exchanges open on one connection.'),
    interimMax: whole(0, 1000, HTTP_DEFAULTS.interimMax, 'Most interim (1xx) status codes kept of one exchange.'),
    connectionsMax: whole(1, 10_000_000, HTTP_DEFAULTS.connectionsMax, 'Most connections known at a time.'),
    memoryBytesMax: whole(
      MB,
      64 * GB,
      HTTP_DEFAULTS.memoryBytesMax,
      'Most memory for open exchanges, partial heads and decoders.',
    ),
    decodedBytesMax: whole(
      1024,
      4 * GB,
      HTTP_DEFAULTS.decodedBytesMax,
      'Most bytes that one compressed body may grow to.',
    ),
    decodedRatioMax: whole(2, 100_000, HTTP_DEFAULTS.decodedRatioMax, 'Most decoded bytes for each compressed byte.'),
    decodedFloorBytes: whole(
      0,
      GB,
      HTTP_DEFAULTS.decodedFloorBytes,
      'Decoded bytes up to which the ratio is not judged.',
    ),
  })
  .prefault({})
  .describe('HTTP: limits on what a hostile or damaged stream may cost.');

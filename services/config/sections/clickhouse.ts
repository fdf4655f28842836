/** Where rows go. */

import { z } from 'zod';
import { SINK_DEFAULTS } from '../../clickhouse/sink.ts';
import { STORE_DEFAULTS } from '../../clickhouse/store.ts';
import { GB, MB, text, whole } from '../fields.ts';

export const clickhouse = z
  .strictObject({
    url: text('', 'A ClickHouse server instead of the embedded engine: http[s]://user:password@host:port/database.'),
    retentionDays: whole(
      0,
      36_500,
      STORE_DEFAULTS.retentionDays,
      'Rows are deleted so many days after they were stored; 0: never.',
    ),
    memoryBytesMax: whole(
      256 * MB,
      1024 * GB,
      STORE_DEFAULTS.memoryBytesMax,
      "Ceiling of the embedded engine's memory.",
    ),
    batchRowsMax: whole(1, 1_000_000, SINK_DEFAULTS.batchRowsMax, 'Rows of one insert.'),
    batchBytesMax: whole(1024, GB, SINK_DEFAULTS.batchBytesMax, 'Bytes of one insert.'),
    batchAgeMsMax: whole(
      1,
      600_000,
      SINK_DEFAULTS.batchAgeMsMax,
      'A batch is stored when its first row is so old; a quarter of it when nothing was stored for so long.',
    ),
    queueBytesMax: whole(
      1024,
      16 * GB,
      SINK_DEFAULTS.queueBytesMax,
      'Bytes that wait for ClickHouse before the source is held back.',
    ),
    knownContentsMax: whole(0, 10_000_000, SINK_DEFAULTS.knownContentsMax, 'Contents remembered as stored.'),
    retryDelayMs: whole(
      1,
      60_000,
      SINK_DEFAULTS.retryDelayMs,
      'First wait before a failed insert is tried again; doubled each time.',
    ),
    retryDelayMsMax: whole(
      1,
      3_600_000,
      SINK_DEFAULTS.retryDelayMsMax,
      'Longest wait before a failed insert is tried again. It is tried until it succeeds.',
    ),
  })
  .prefault({})
  .describe('ClickHouse: embedded, or a server.');

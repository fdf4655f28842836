/** What stands between the stages, and how they share the work. */

import { z } from 'zod';
import { MEMORY_BUS_DEFAULTS } from '../../bus/memory-bus.ts';
import { THREAD_DEFAULTS, WORKERS_MAX } from '../../pipeline/threads/defaults.ts';
import { REASSEMBLER_DEFAULTS } from '../../reassembler/defaults.ts';
import { MERGE_DEFAULTS } from '../../reassembler/merge/merger.ts';
import { DAY_MS, flag, GB, MB, whole } from '../fields.ts';

export const bus = z
  .strictObject({
    queueBytesMax: whole(
      MB,
      16 * GB,
      MEMORY_BUS_DEFAULTS.queueBytesMax,
      'Bytes that wait between two stages before the first one is held back.',
    ),
    batchRecordsMax: whole(1, 100_000, MEMORY_BUS_DEFAULTS.batchRecordsMax, 'Records handed on at once.'),
  })
  .prefault({})
  .describe('The bus between the stages.');

export const pipeline = z
  .strictObject({
    workers: whole(
      0,
      WORKERS_MAX,
      THREAD_DEFAULTS.workers,
      'Threads that rebuild HTTP and recognise calls, in commands that store what they capture. 0: all in the main thread, which is best on one core and on two.',
    ),
  })
  .prefault({})
  .describe('All stages in one process: `bittern up`, `capture`, `replay` and `demo`.');

export const reassembler = z
  .strictObject({
    holdMsMax: whole(
      1000,
      7 * DAY_MS,
      REASSEMBLER_DEFAULTS.holdMsMax,
      'How long one exchange may keep the committed offset back, over Kafka; then it is stored as far as it was seen, and completed when it ends.',
    ),
    idleTimeoutMs: whole(
      1000,
      7 * DAY_MS,
      REASSEMBLER_DEFAULTS.idleTimeoutMs,
      'A connection without a frame for so long has ended, over Kafka. Keep it above `capture.idleTimeoutMs`.',
    ),
    probesOverlap: flag(
      MERGE_DEFAULTS.several,
      'Several probes may see the same connections, known from the first frame on. False: they are counted on as soon as a second probe publishes.',
    ),
    mergeWaitMs: whole(
      0,
      3_600_000,
      MERGE_DEFAULTS.waitMs,
      'Where several probes publish: how long one that missed bytes is waited with for another that has them.',
    ),
    mergeBytesMax: whole(
      MB,
      16 * GB,
      MERGE_DEFAULTS.heldBytesMax,
      'Memory for what waits on one connection meanwhile; above it nothing more is waited for.',
    ),
  })
  .prefault({})
  .describe('From frames to exchanges: several probes, long exchanges.');

/** How Bittern itself is watched. */

import { z } from 'zod';
import { LOG_FORMATS, OBSERVER_DEFAULTS } from '../../observe/defaults.ts';
import { flag, text, whole } from '../fields.ts';

export const observe = z
  .strictObject({
    listen: text(
      '',
      'Address for /livez, /readyz and /metrics of a process that runs for long, such as 127.0.0.1:9464; port 0: a free one, told on standard error. They ask for no token. Empty: none.',
    ),
    allowRemote: flag(false, 'Allow an address other than loopback.'),
    stallMs: whole(
      1000,
      3_600_000,
      OBSERVER_DEFAULTS.stallMs,
      'When work waits and none gets done for so long, /readyz says that the process is not ready.',
    ),
    log: z
      .enum(LOG_FORMATS)
      .default('auto')
      .describe(
        'What is said on standard error: text for people, json (one line an event) for programs; auto: json when a process that runs for long is not on a terminal.',
      ),
  })
  .prefault({})
  .describe('Health, metrics and logs of one process.');

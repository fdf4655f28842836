/** The HTTP API. */

import { z } from 'zod';
import { API_DEFAULTS } from '../../api/defaults.ts';
import { flag, text, whole } from '../fields.ts';

export const api = z
  .strictObject({
    host: text(API_DEFAULTS.host, 'Address to listen on. Other than loopback only with `api.allowRemote`.'),
    port: whole(0, 65_535, API_DEFAULTS.port, 'Port to listen on; 0: a free one.'),
    allowRemote: flag(false, 'Allow an address other than loopback. The bearer token is wanted in any case.'),
    tokenFile: text(
      '',
      'File with the bearer token. Empty: api-token in the data folder, made at random on first use.',
    ),
    trafficByAgent: flag(
      false,
      'Give the metrics of the watched traffic (/metrics/traffic) the label agent: only where there are few agents.',
    ),
  })
  .prefault({})
  .describe('HTTP API.');

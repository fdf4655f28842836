/** Sessions, turns and findings. */

import { z } from 'zod';
import {
  DETECTOR_DEFAULTS,
  DETECTOR_UNITS,
  type DetectorKind,
  type Thresholds,
} from '../../tracker/detectors/settings.ts';
import { TRACKER_DEFAULTS } from '../../tracker/options.ts';
import { DAY_MS, flag, GB, level, MB, names, whole } from '../fields.ts';

export const tracker = z
  .strictObject({
    enabled: flag(true, 'Make sessions, turns, tool calls and findings of the calls that this process stores.'),
    pollMs: whole(50, 60_000, TRACKER_DEFAULTS.pollMs, 'How often it looks for calls that were stored.'),
    batchCallsMax: whole(1, 20_000, TRACKER_DEFAULTS.batchCallsMax, 'Calls that are taken at a time.'),
    storyBytesMax: whole(
      MB,
      100 * GB,
      TRACKER_DEFAULTS.storyBytesMax,
      'Memory for sessions that may go on; what has no place in it is read again when it goes on.',
    ),
  })
  .prefault({})
  .describe('The tracker: from stored calls to sessions, turns, tool calls and findings.');

const DETECTORS = Object.keys(DETECTOR_DEFAULTS.thresholds) as [DetectorKind, ...DetectorKind[]];

const thresholds = Object.fromEntries(
  Object.entries(DETECTOR_DEFAULTS.thresholds).map(([kind, { note, alert, critical }]) => [
    kind,
    z
      .strictObject({
        note: whole(0, 1_000_000_000, note, 'Occurrences from which on it is noted; 0: never.'),
        alert: whole(0, 1_000_000_000, alert, 'Occurrences from which on it is an alert; 0: never.'),
        critical: whole(0, 1_000_000_000, critical, 'Occurrences from which on it is critical; 0: never.'),
      })
      .prefault({})
      .describe(DETECTOR_UNITS[kind as DetectorKind]),
  ]),
) as unknown as Readonly<Record<DetectorKind, z.ZodType<Thresholds>>>;

export const detectors = z
  .strictObject({
    ...thresholds,
    quietMs: whole(
      1000,
      DAY_MS,
      DETECTOR_DEFAULTS.quietMs,
      'A finding without a further occurrence for so long is resolved.',
    ),
    overrides: z
      .array(
        z.strictObject({
          kinds: z.array(z.enum(DETECTORS)).default([]).describe('Detectors that it is for; empty: all.'),
          agents: names('Agents (agent_id) that it is for; empty: all.'),
          teams: names('Teams (team_id) that it is for; empty: all.'),
          tools: names('Tools that it is for; empty: all.'),
          note: level("Instead of the detector's own."),
          alert: level("Instead of the detector's own."),
          critical: level("Instead of the detector's own."),
        }),
      )
      .default([])
      .describe('Other thresholds for some agents, teams or tools; the first that matches counts.'),
  })
  .prefault({} as never)
  .describe('Detectors of loops and the like, with the occurrences from which on a finding has which level.');

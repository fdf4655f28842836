/** What the tracker can be told. Each default stands here. */
import { DETECTOR_DEFAULTS, type DetectorSettings } from './detectors/settings.ts';

export interface TrackerOptions {
  /** How often it looks for calls that were stored, ms. */
  readonly pollMs: number;
  /** Calls that are taken at a time. */
  readonly batchCallsMax: number;
  /** Calls of the stories that are kept in memory, in all. */
  readonly storyCallsMax: number;
  readonly detectors: DetectorSettings;
}

export const TRACKER_DEFAULTS: TrackerOptions = {
  pollMs: 500,
  batchCallsMax: 5000,
  storyCallsMax: 400_000,
  detectors: DETECTOR_DEFAULTS,
};

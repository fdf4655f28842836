/** What the tracker can be told. Each default stands here. */
import { DETECTOR_DEFAULTS, type DetectorSettings } from './detectors/settings.ts';

export interface TrackerOptions {
  /** How often it looks for calls that were stored, ms. */
  readonly pollMs: number;
  /** Calls that are taken at a time. */
  readonly batchCallsMax: number;
  /** Memory for the stories of sessions that may go on, bytes, as estimated. */
  readonly storyBytesMax: number;
  readonly detectors: DetectorSettings;
}

export const TRACKER_DEFAULTS: TrackerOptions = {
  pollMs: 500,
  batchCallsMax: 5000,
  storyBytesMax: 700_000_000,
  detectors: DETECTOR_DEFAULTS,
};

/** Capture from packets: raw capture bytes in, frames out. */
export { Capture } from './capture.ts';
export { LIVE_DEFAULTS, type LiveCapture, type LiveCaptureOptions, type LiveEnd, startLiveCapture } from './live.ts';
export { CAPTURE_DEFAULTS, type CaptureOptions } from './options.ts';
export { type OpenedCapture, openCaptureFile } from './readers/file.ts';
export { capturesIn } from './readers/folder.ts';
export { followCaptures } from './readers/follow.ts';

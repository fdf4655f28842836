/** Every target: one line each. */
import type { FuzzTarget } from '../target.ts';
import { httpConnection } from './http-connection.ts';
import { mirrorCapture } from './mirror-capture.ts';
import { mirrorContent } from './mirror-content.ts';
import { mirrorDecode } from './mirror-decode.ts';
import { mirrorReaders } from './mirror-readers.ts';
import { mirrorTcp } from './mirror-tcp.ts';
import { websocketConnection } from './websocket-connection.ts';
import { websocketMessages } from './websocket-messages.ts';

export const TARGETS: readonly FuzzTarget[] = [
  mirrorDecode,
  mirrorReaders,
  mirrorTcp,
  mirrorCapture,
  mirrorContent,
  httpConnection,
  websocketMessages,
  websocketConnection,
];

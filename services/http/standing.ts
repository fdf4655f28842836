/** Where a connection stands: at its beginning, and where another reader can take it up. */
import type { RolesSource } from '../../schemas/frame.ts';
import type { Http2Resume } from './h2/connection.ts';

/** What the first frame says about a connection's beginning. */
export interface ConnectionStart {
  readonly fromStart: boolean;
  readonly rolesSource: RolesSource;
  readonly clientOffset: number;
  readonly serverOffset: number;
  /** Sequence number that the next frame must have. */
  readonly sequence: number;
  /** It speaks HTTP/2, and stands here. */
  readonly http2?: Http2Standing | undefined;
}

/** Where an HTTP/2 connection can be taken up: streams begin at the offsets, and what is known there. */
export interface Http2Standing {
  readonly resume: Http2Resume;
  /** Client and server are the other way round than the frames say. */
  readonly swapped: boolean;
}

/** Where a connection's streams can be taken up again. */
export interface ResumePoint {
  /** Stream offsets as the frames count them, gaps included. */
  readonly client: number;
  readonly server: number;
  /** `synced`: a message begins here. `unsynced`: look for one. `ignored`: nothing of interest follows. */
  readonly state: 'synced' | 'unsynced' | 'ignored';
  /** A `synced` connection that speaks HTTP/2. */
  readonly http2?: Http2Standing;
}

/** What the main thread and a worker thread tell each other. */
import type { Observation } from '../../../schemas/call.ts';
import type { RecordHeaders } from '../../bus/bus.ts';
import type { PrivacyPlan } from '../../privacy/settings.ts';
import type { Reassembler, ReassemblerOptions } from '../../reassembler/reassembler.ts';
import type { FrameBatch } from './frame-batch.ts';

/** What a worker is started with. */
export interface WorkerTask {
  readonly partition: number;
  readonly options: ReassemblerOptions;
  readonly privacy: PrivacyPlan | null;
  /** Of the fingerprints of credentials. */
  readonly key: Uint8Array;
}

export type ToWorker =
  | { readonly type: 'frames'; readonly batch: FrameBatch; readonly nextOffset: number }
  /** Observations of so many bytes are in the bus. */
  | { readonly type: 'taken'; readonly bytes: number }
  /** No more frames come: whatever is open ends. */
  | { readonly type: 'end' };

/** What a worker's reassembler has published. */
export interface PublishedObservation {
  readonly key: string;
  readonly value: Observation;
  readonly headers: RecordHeaders | undefined;
}

/** What a worker's stage shows of itself. */
export type StageFigures = Pick<Reassembler, 'counts' | 'totals' | 'losses' | 'holds' | 'redactions'>;

/** What became of the frames: sent when a message's frames are done with, and before when much has come out of them. */
export interface Progress {
  readonly type: 'progress';
  readonly records: readonly PublishedObservation[];
  readonly bytes: number;
  /** Messages (frames, end) that are done with since the last one. */
  readonly done: number;
  readonly figures: StageFigures;
  /** JavaScript heap in use, bytes; as old as `figures.holds`, which cost a look at every connection: at most `figuresMs`. */
  readonly heapBytes: number;
}

export type FromWorker =
  | Progress
  | { readonly type: 'commit'; readonly offset: number; readonly metadata: string }
  | { readonly type: 'note'; readonly line: string }
  /** After this nothing comes. `code`: of a BitternError, else ''; `told`: nothing of the traffic is in it. */
  | { readonly type: 'failed'; readonly code: string; readonly told: string; readonly stack: string };

/**
 * Which partitions this member owns, since which epoch, and what it has committed. The fence against late commits: a commit
 * names the epoch that did the work, and is refused here once that epoch is over, and by the broker once its generation is.
 */
import type { CheckpointReference } from './checkpoints.ts';
import type { Generation } from './membership.ts';

export interface OwnedPartition {
  readonly partition: number;
  readonly epoch: number;
  readonly generation: Generation;
  /** The highest offset that a commit was asked for; the assigned offset at first. */
  requested: number;
  /** The offset that the broker has; what records are below `handled`, the handler is done with. */
  committed: number;
  handled: number;
  /** When the newest handled record was published and when it was handled, ms since the epoch; 0: none was. */
  newestMs: number;
  newestHandledMs: number;
  /** The end of the partition, as last heard of; null: not yet. */
  end: number | null;
  /** The record that the last commit refers to, the predecessor's at first. */
  reference: CheckpointReference | null;
}

/** Where a partition is taken up. */
export interface Beginning {
  readonly partition: number;
  readonly offset: number;
  readonly reference: CheckpointReference | null;
}

export class Ownership {
  #epoch = 0;
  #owned = new Map<number, OwnedPartition>();

  /** Begins the next epoch. @returns its number. */
  begin(generation: Generation, beginnings: readonly Beginning[]): number {
    const epoch = ++this.#epoch;
    this.#owned = new Map(
      beginnings.map(({ partition, offset, reference }) => [
        partition,
        {
          ...{ partition, epoch, generation, requested: offset, committed: offset, handled: offset, reference },
          ...{ newestMs: 0, newestHandledMs: 0, end: null },
        },
      ]),
    );
    return epoch;
  }

  /** From now on nothing is owned. */
  end(): void {
    this.#owned = new Map();
  }

  get partitions(): readonly number[] {
    return [...this.#owned.keys()];
  }

  get all(): readonly OwnedPartition[] {
    return [...this.#owned.values()];
  }

  /** The present ownership of a partition, unless another epoch is meant. */
  find(partition: number, epoch: number | undefined): OwnedPartition | undefined {
    const owned = this.#owned.get(partition);
    return owned !== undefined && (epoch === undefined || owned.epoch === epoch) ? owned : undefined;
  }

  /** True while `owned` is the present ownership of its partition. */
  holds(owned: OwnedPartition): boolean {
    return this.#owned.get(owned.partition) === owned;
  }
}

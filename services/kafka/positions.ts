/** Where partitions go on: what the group has committed, or the first record that is still there. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Assignment } from '../bus/bus.ts';
import type { CheckpointReference } from './checkpoints.ts';
import type { CommitMetadata } from './commit-metadata.ts';
import type { Membership, PartitionOffset } from './membership.ts';

const ATTEMPTS = 10;
const RETRY_MS = 300;

/** Where a partition goes on, and the record that its metadata was in. */
export interface Position {
  readonly assignment: Omit<Assignment, 'epoch'>;
  readonly reference: CheckpointReference | null;
}

export class Positions {
  readonly #topic: string;
  readonly #groupId: string;
  readonly #membership: Membership;
  readonly #metadata: CommitMetadata;

  constructor(topic: string, groupId: string, membership: Membership, metadata: CommitMetadata) {
    this.#topic = topic;
    this.#groupId = groupId;
    this.#membership = membership;
    this.#metadata = metadata;
  }

  /** @throws when the brokers can't be asked, after some attempts. */
  async of(partitions: readonly number[]): Promise<Position[]> {
    const request = {
      groupId: this.#groupId,
      topics: [{ topic: this.#topic, partitions: partitions.map((partition) => ({ partition })) }],
    };
    for (let attempt = 1; ; attempt++) {
      try {
        const { responses } = await (await this.#membership.coordinator()).offsetFetch(request);
        return await this.#resolve(responses.flatMap((response) => response.partitions));
      } catch (error) {
        if (attempt === ATTEMPTS) throw error;
        this.#membership.forgetCoordinator();
        await sleep(RETRY_MS);
      }
    }
  }

  async #resolve(found: readonly PartitionOffset[]): Promise<Position[]> {
    const fresh = found.filter(({ offset }) => Number(offset) < 0).map(({ partition }) => partition);
    const earliest = fresh.length === 0 ? new Map<number, number>() : await this.#membership.offsets('earliest', fresh);
    const positions: Position[] = [];
    for (const { partition, offset, metadata } of found) {
      const committed = Number(offset);
      if (committed >= 0) positions.push(await this.#committed(partition, committed, metadata ?? ''));
      else {
        const assignment = { partition, offset: earliest.get(partition) ?? 0, metadata: '' };
        positions.push({ assignment, reference: null });
      }
    }
    return positions;
  }

  async #committed(partition: number, offset: number, text: string): Promise<Position> {
    const { reference, ...metadata } = await this.#metadata.read(partition, offset, text);
    return { assignment: { partition, offset, ...metadata }, reference };
  }
}

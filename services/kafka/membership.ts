/**
 * Hooks that kafkajs doesn't have: one that is awaited before this member rejoins its group (so that running work can end and
 * be committed while the partitions are still ours), and one that is awaited after an assignment and before its first record.
 *
 * kafkajs joins through the coordinator that its cluster object finds, and hands that object to partition assigners. The
 * coordinator's `joinGroup` and `syncGroup` are wrapped there, which also tells the generation: commits carry it, and so the
 * broker refuses them when it is over. kafkajs 2.2.4 is pinned and final, so these two calls don't move.
 */
import kafkajs, { type Cluster, type PartitionAssigner } from 'kafkajs';

export interface Generation {
  readonly memberId: string;
  readonly generationId: number;
}

export interface MembershipHooks {
  /** Awaited before every attempt to join, the first one included. */
  leaving(): Promise<void>;
  /** Awaited between an assignment and its first fetch. */
  joined(generation: Generation, partitions: readonly number[]): Promise<void>;
}

export interface PartitionOffset {
  readonly partition: number;
  readonly offset: string;
  readonly metadata?: string | null;
}

/** What is used of kafkajs' broker object. */
export interface Coordinator {
  isConnected(): boolean;
  joinGroup(request: object): Promise<{ readonly generationId: number; readonly memberId: string }>;
  syncGroup(request: object): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: { groupId: string; groupGenerationId: number; memberId: string }): Promise<unknown>;
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: number;
    memberId: string;
    topics: { topic: string; partitions: PartitionOffset[] }[];
  }): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: { topic: string; partitions: { partition: number }[] }[];
  }): Promise<{ readonly responses: readonly { readonly partitions: readonly PartitionOffset[] }[] }>;
}

export class Membership {
  readonly #topic: string;
  readonly #group: string;
  readonly #hooks: MembershipHooks;
  readonly #hooked = new WeakSet<Coordinator>();
  #cluster: Cluster | null = null;
  #findOriginal: Cluster['findGroupCoordinator'] | null = null;
  #coordinator: Coordinator | null = null;
  #heardMs = Number.NEGATIVE_INFINITY;

  constructor(topic: string, group: string, hooks: MembershipHooks) {
    this.#topic = topic;
    this.#group = group;
    this.#hooks = hooks;
  }

  /** The assigner to give to kafkajs: round robin, plus the hooks. */
  get assigner(): PartitionAssigner {
    return (config) => {
      this.#hookCluster(config.cluster);
      return kafkajs.PartitionAssigners.roundRobin(config);
    };
  }

  /** When the last heartbeat was sent that the broker took, ms of performance.now(): the session lasts from then on, at least. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** The group's coordinator; looked for anew when the connection to the last one is gone. */
  async coordinator(): Promise<Coordinator> {
    if (this.#coordinator?.isConnected()) return this.#coordinator;
    this.#coordinator = (await this.#findOriginal!({ groupId: this.#group })) as unknown as Coordinator;
    return this.#coordinator;
  }

  /** After an error that says that the coordinator is another one now. */
  forgetCoordinator(): void {
    this.#coordinator = null;
  }

  /**
   * The earliest offset that each partition still has, or the one that its next record will get. Only leaders tell, and fetching goes
   * on from one that has become a follower, so that nobody notices: who leads is looked up again when it fails.
   */
  async offsets(which: 'earliest' | 'end', partitions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    const wanted = {
      topic: this.#topic,
      partitions: partitions.map((partition) => ({ partition })),
      fromBeginning: which === 'earliest',
    };
    const cluster = this.#cluster!;
    const [found] = await cluster.fetchTopicsOffset([wanted]).catch(async () => {
      await cluster.refreshMetadata();
      return cluster.fetchTopicsOffset([wanted]);
    });
    return new Map(found?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
  }

  #hookCluster(cluster: Cluster): void {
    const find = cluster.findGroupCoordinator.bind(cluster);
    this.#cluster = cluster;
    this.#findOriginal = find;
    cluster.findGroupCoordinator = async (group) => {
      const broker = await find(group);
      this.#hookCoordinator(broker as unknown as Coordinator);
      return broker;
    };
  }

  #hookCoordinator(coordinator: Coordinator): void {
    this.#coordinator = coordinator;
    if (this.#hooked.has(coordinator)) return;
    this.#hooked.add(coordinator);
    const join = coordinator.joinGroup.bind(coordinator);
    const sync = coordinator.syncGroup.bind(coordinator);
    const beat = coordinator.heartbeat.bind(coordinator);
    let generation: Generation | null = null;
    coordinator.heartbeat = async (request) => {
      const sentMs = performance.now();
      const answer = await beat(request);
      this.#heardMs = Math.max(this.#heardMs, sentMs);
      return answer;
    };
    coordinator.joinGroup = async (request) => {
      await this.#hooks.leaving();
      const answer = await join(request);
      generation = { memberId: answer.memberId, generationId: answer.generationId };
      return answer;
    };
    coordinator.syncGroup = async (request) => {
      const sentMs = performance.now();
      const answer = await sync(request);
      this.#heardMs = Math.max(this.#heardMs, sentMs);
      const assigned = kafkajs.AssignerProtocol.MemberAssignment.decode(answer.memberAssignment);
      if (generation !== null) await this.#hooks.joined(generation, assigned?.assignment[this.#topic] ?? []);
      return answer;
    };
  }
}

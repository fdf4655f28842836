/**
 * Several real Kafka brokers that are one cluster: topics with replicas, leaders that change, a coordinator that moves. `kill`
 * takes one node after another, `start` brings back whoever is away.
 */
import path from 'node:path';
import { freePorts, KafkaBroker } from './broker.ts';

/** One broker or several. */
export interface Brokers {
  /** `host:port`, of several with commas between. */
  readonly plaintext: string;
  start(): Promise<void>;
  /** Of several only one. */
  kill(): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

export class KafkaCluster implements Brokers {
  readonly nodes: readonly KafkaBroker[];
  #next = 0;

  private constructor(nodes: readonly KafkaBroker[]) {
    this.nodes = nodes;
  }

  /** Makes a cluster in `dir`. Doesn't start it. */
  static async open(dir: string, size: number): Promise<KafkaCluster> {
    const controllerPorts = await freePorts(size);
    const nodes: KafkaBroker[] = [];
    for (let node = 1; node <= size; node++) {
      nodes.push(await KafkaBroker.open(path.join(dir, String(node)), { node, controllerPorts }));
    }
    return new KafkaCluster(nodes);
  }

  /** `host:port` of all nodes, with commas between. */
  get plaintext(): string {
    return this.nodes.map((node) => node.plaintext).join();
  }

  async start(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.start()));
  }

  /** As a power cut for one node, another one each time. */
  async kill(): Promise<void> {
    const node = this.nodes[this.#next++ % this.nodes.length]!;
    await node.kill();
  }

  async stop(): Promise<void> {
    // A controller alone has no quorum to stop in order with.
    await Promise.all(this.nodes.map((node) => node.kill()));
  }

  async remove(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
  }
}

/** Topics as the stages need them: made, checked against what is there, and how far each group lags behind. */
import kafkajs, { type Admin } from 'kafkajs';
import { BitternError } from '../common/errors.ts';
import type { KafkaClients } from './clients.ts';
import { kafkaError } from './errors.ts';
import { TOPIC_DEFAULTS, type TopicPlan } from './topic-plan.ts';
import { publishedTimes } from './topic-reader.ts';
import type { TopicLimits } from './topic-writer.ts';

export { TOPIC_DEFAULTS } from './topic-plan.ts';

/**
 * The name of a group in Kafka. The bus has groups within a topic; Kafka's span topics, and kafkajs mixes up the members of one
 * that read different topics.
 */
export function kafkaGroupId(topic: string, group: string): string {
  return `${group}.${topic}`;
}

export interface PartitionLag {
  readonly partition: number;
  /** The offset of the next record to be published. */
  readonly end: number;
  /** `null`: the group has committed nothing yet. */
  readonly committed: number | null;
  /** Records between the committed offset (or the first one there is) and the end. */
  readonly lag: number;
}

export class KafkaTopics {
  readonly #clients: KafkaClients;

  constructor(clients: KafkaClients) {
    this.#clients = clients;
  }

  /** Makes the topics that don't exist. @returns the names of those made. Existing ones are left as they are: see `check`. */
  create(plans: readonly TopicPlan[]): Promise<readonly string[]> {
    return this.#clients.withAdmin('Creating topics', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const missing = plans.filter(({ name }) => !existing.has(name));
      if (missing.length === 0) return [];
      await admin.createTopics({ topics: missing.map(topicRequest), waitForLeaders: true });
      return missing.map(({ name }) => name);
    });
  }

  /** What is wrong with the topics, one sentence each; empty when all is well. */
  check(plans: readonly TopicPlan[]): Promise<readonly string[]> {
    return this.#clients.withAdmin('Checking topics', async (admin) => {
      const existing = new Set(await admin.listTopics());
      const findings: string[] = [];
      for (const plan of plans) {
        if (existing.has(plan.name)) findings.push(...(await checkTopic(admin, plan)));
        else findings.push(`'${plan.name}' does not exist: create it with ${plan.partitions} partitions.`);
      }
      return findings;
    });
  }

  lag(topic: string, group: string): Promise<readonly PartitionLag[]> {
    return this.#clients.withAdmin(`Reading the lag of '${group}' on '${topic}'`, async (admin) => {
      const ends = await admin.fetchTopicOffsets(topic);
      const [committed] = await admin.fetchOffsets({ groupId: kafkaGroupId(topic, group), topics: [topic] });
      const offsets = new Map(committed?.partitions.map(({ partition, offset }) => [partition, Number(offset)]));
      const lags = ends.map(({ partition, low, high }): PartitionLag => {
        const offset = offsets.get(partition) ?? -1;
        const end = Number(high);
        return { partition, end, committed: offset < 0 ? null : offset, lag: end - Math.max(offset, Number(low)) };
      });
      return lags.sort((a, b) => a.partition - b.partition);
    });
  }

  /** When the records at these offsets were published, ms since the epoch, by partition. */
  async publishedTimes(topic: string, offsets: ReadonlyMap<number, number>): Promise<ReadonlyMap<number, number>> {
    if (offsets.size === 0) return new Map();
    try {
      return await publishedTimes(this.#clients.readerOptions(), topic, offsets);
    } catch (cause) {
      throw kafkaError(`Reading '${topic}'`, cause);
    }
  }

  /** @throws BitternError BIT_KAFKA_TOPIC_MISSING. */
  limits(topic: string): Promise<TopicLimits> {
    return this.#clients.withAdmin(`Looking up '${topic}'`, async (admin) => {
      await requireTopic(admin, topic);
      const { partitions } = await shapeOf(admin, topic);
      const config = await topicConfig(admin, topic);
      return { partitions, recordBytesMax: Number(config.get('max.message.bytes') ?? TOPIC_DEFAULTS.messageBytesMax) };
    });
  }
}

/** @throws BitternError BIT_KAFKA_TOPIC_MISSING. */
export async function requireTopic(admin: Admin, topic: string): Promise<void> {
  if ((await admin.listTopics()).includes(topic)) return;
  throw new BitternError('BIT_KAFKA_TOPIC_MISSING', `The topic '${topic}' does not exist: create the topics first.`);
}

function topicRequest(plan: TopicPlan): Parameters<Admin['createTopics']>[0]['topics'][number] {
  return {
    topic: plan.name,
    numPartitions: plan.partitions,
    replicationFactor: plan.replicas,
    configEntries: Object.entries(configOf(plan)).map(([name, value]) => ({ name, value })),
  };
}

function configOf(plan: TopicPlan): Record<string, string> {
  return {
    'retention.ms': String(plan.retentionMs),
    'max.message.bytes': String(plan.messageBytesMax),
    'cleanup.policy': plan.cleanup,
    'min.insync.replicas': String(insyncOf(plan)),
  };
}

/** How many brokers must have a record before it counts as published: more than one, where one of them may be away all the same. */
function insyncOf({ replicas }: TopicPlan): number {
  return replicas > 2 ? 2 : 1;
}

async function checkTopic(admin: Admin, plan: TopicPlan): Promise<string[]> {
  const findings: string[] = [];
  const { partitions, replicas } = await shapeOf(admin, plan.name);
  if (partitions !== plan.partitions) {
    findings.push(
      `'${plan.name}' has ${partitions} partitions instead of ${plan.partitions}: configure ${partitions}, or change the topic while nothing runs (keys move to other partitions).`,
    );
  }
  if (replicas < plan.replicas) {
    findings.push(
      `'${plan.name}' has ${replicas === 1 ? '1 replica' : `${replicas} replicas`} instead of ${plan.replicas}: a broker's loss may lose records. Reassign its partitions, or set kafka.replicas to what the cluster can have.`,
    );
  }
  const config = await topicConfig(admin, plan.name);
  const insync = Number(config.get('min.insync.replicas'));
  if (insync < insyncOf(plan)) {
    findings.push(
      `'${plan.name}' has min.insync.replicas=${insync} instead of ${insyncOf(plan)}: raise it, or what a single broker has counts as published and goes with it.`,
    );
  }
  const retention = Number(config.get('retention.ms'));
  if (retention >= 0 && retention < plan.retentionMs) {
    findings.push(
      `'${plan.name}' keeps records for ${hours(retention)} instead of ${hours(plan.retentionMs)}: raise retention.ms, or what consumers miss in a longer outage is lost.`,
    );
  }
  const bytes = Number(config.get('max.message.bytes'));
  if (bytes < plan.messageBytesMax) {
    findings.push(
      `'${plan.name}' takes records up to ${bytes} bytes instead of ${plan.messageBytesMax}: raise max.message.bytes, or large records are refused.`,
    );
  }
  const cleanup = config.get('cleanup.policy');
  if (policies(cleanup) !== policies(plan.cleanup)) {
    findings.push(
      `'${plan.name}' has cleanup.policy=${cleanup} instead of ${plan.cleanup}: change it, or records vanish or pile up.`,
    );
  }
  return findings;
}

/** `replicas`: of the partition that has the fewest. */
async function shapeOf(admin: Admin, topic: string): Promise<{ partitions: number; replicas: number }> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions ?? [];
  return { partitions: partitions.length, replicas: Math.min(...partitions.map(({ replicas }) => replicas.length)) };
}

async function topicConfig(admin: Admin, topic: string): Promise<ReadonlyMap<string, string>> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: kafkajs.ConfigResourceTypes.TOPIC, name: topic }],
  });
  return new Map(resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
}

/** The brokers give them in any order. */
function policies(cleanup: string | undefined): string {
  return (cleanup ?? '').split(',').sort().join();
}

function hours(ms: number): string {
  return `${Math.round((ms / 3_600_000) * 10) / 10} h`;
}

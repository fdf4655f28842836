/** How topics must be for the stages: what `bittern topics` makes and checks. */
import { DEAD_LETTER_SUFFIX } from './dead-letter-writer.ts';

export interface TopicPlan {
  readonly name: string;
  readonly partitions: number;
  readonly replicas: number;
  /** `retention.ms`: how long a record stays, and so how long consumers may be down. */
  readonly retentionMs: number;
  /** `max.message.bytes`: one batch of records. */
  readonly messageBytesMax: number;
  readonly cleanup: 'delete' | 'compact' | 'compact,delete';
}

export const TOPIC_DEFAULTS: Omit<TopicPlan, 'name'> = {
  partitions: 12,
  replicas: 3,
  retentionMs: 24 * 3600 * 1000,
  messageBytesMax: 1_048_588,
  cleanup: 'delete',
};

/** Dead letters are few, and people need days to look at them. */
export const DEAD_LETTER_TOPIC_DEFAULTS: Omit<TopicPlan, 'name'> = {
  partitions: 1,
  replicas: 3,
  retentionMs: 14 * 24 * 3600 * 1000,
  // The original record and the headers that tell why.
  messageBytesMax: 1_048_588 + 64 * 1024,
  cleanup: 'delete',
};

/** A topic and its dead letters, replicated alike. */
export function withDeadLetters(plan: TopicPlan): readonly TopicPlan[] {
  const letters = { ...DEAD_LETTER_TOPIC_DEFAULTS, replicas: plan.replicas, name: plan.name + DEAD_LETTER_SUFFIX };
  return [plan, { ...letters, messageBytesMax: Math.max(letters.messageBytesMax, plan.messageBytesMax + 64 * 1024) }];
}

/**
 * Findings as events on the topic `bittern.events.v1`, one record each, keyed by session: for consumers of your own. A record that is
 * sent again has the same `version`, which is all that tells it from the first.
 */
import { z } from 'zod';
import type { StoryEvent } from '../../../schemas/story.ts';
import type { Producer } from '../../bus/bus.ts';
import type { ReceiverContext, ReceiverType } from './receiver.ts';
import { receiverName, timeoutMs, updates } from './settings.ts';

const ALERTS_A_BATCH = 500;

const settings = z.strictObject({
  type: z.literal('kafka'),
  name: receiverName,
  updates: updates(true),
  timeoutMs,
});

type Events = Awaited<ReturnType<ReceiverContext['openEvents']>>;

export const kafka: ReceiverType<typeof settings> = {
  type: 'kafka',
  settings,
  create: async (options, context) => {
    let events: Events | null = null;
    const drop = async (): Promise<void> => {
      const dropped = events;
      events = null;
      await dropped?.close().catch(() => {});
    };
    return {
      name: options.name,
      delivery: {
        grouped: false,
        updates: options.updates,
        concurrency: 1,
        alertsMax: ALERTS_A_BATCH,
        timeoutMs: options.timeoutMs,
        repeatIntervalMs: null,
        spacingMs: 0,
      },
      send: async (notification, signal) => {
        try {
          events ??= await context.openEvents();
          const { producer } = events;
          const sending = publish(
            producer,
            notification.alerts.map(({ alert }) => ({
              type: 'finding',
              version: alert.version,
              finding: alert.finding,
            })),
            notification.id,
          );
          await Promise.race([sending, aborted(signal)]);
          return { ok: true };
        } catch (error) {
          // What it may still hold goes with it: it is sent again as a whole.
          void drop();
          return { ok: false, kind: 'unavailable', problem: (error as Error).message };
        }
      },
      close: drop,
    };
  },
};

async function publish(producer: Producer<StoryEvent>, events: readonly StoryEvent[], id: string): Promise<void> {
  for (const event of events) {
    const key = event.type === 'finding' ? event.finding.sessionId : event.turn.sessionId;
    await producer.publish(key, event, { 'bittern-alert-id': id });
  }
  await producer.flush();
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(new Error('the brokers did not take it in time'));
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

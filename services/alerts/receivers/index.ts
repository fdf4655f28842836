/** All kinds of receivers. A new one is a file here and a line below. */
import { z } from 'zod';
import { alertmanager } from './alertmanager.ts';
import { command } from './command.ts';
import { kafka } from './kafka.ts';
import type { Receiver, ReceiverContext, ReceiverType } from './receiver.ts';
import { slack } from './slack.ts';
import { webhook } from './webhook.ts';

const TYPES = [webhook, alertmanager, slack, kafka, command] as const;

export const receiverSettings = z.discriminatedUnion('type', [
  webhook.settings,
  alertmanager.settings,
  slack.settings,
  kafka.settings,
  command.settings,
]);

export type ReceiverSettings = z.infer<typeof receiverSettings>;

/** @throws BitternError BIT_KEY_FILE when a named secret can't be read */
export function createReceiver(settings: ReceiverSettings, context: ReceiverContext): Promise<Receiver> {
  const type = TYPES.find((each) => each.type === settings.type) as unknown as ReceiverType;
  return type.create(settings, context);
}

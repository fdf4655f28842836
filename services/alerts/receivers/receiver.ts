/** What a receiver of alerts is. One file each in this folder, and a line in index.ts. */
import type { z } from 'zod';
import type { StoryEvent } from '../../../schemas/story.ts';
import type { Producer } from '../../bus/bus.ts';
import type { Notification } from '../notification.ts';

/**
 * `unavailable`: it may take the same message later, as far as one can tell, so nothing else is sent to it for a while either.
 * `rejected`: it doesn't want this message; others may go.
 */
export type SendOutcome =
  | { readonly ok: true }
  | {
      readonly ok: false;
      readonly kind: 'unavailable' | 'rejected';
      /** Without addresses and secrets: it is stored and shown. */
      readonly problem: string;
      /** What the receiver asked for. */
      readonly retryAfterMs?: number;
    };

export interface Receiver {
  readonly name: string;
  readonly delivery: Delivery;
  /** Rejects (or resolves with a failure) at the latest when the signal aborts. */
  send(notification: Notification, signal: AbortSignal): Promise<SendOutcome>;
  close(): Promise<void>;
}

/** How a kind of receiver wants to be told. */
export interface Delivery {
  /** False: it groups itself, so all that is new goes to it at once, without waiting. */
  readonly grouped: boolean;
  /** Whether it is told that something happened again. */
  readonly updates: boolean;
  /** Messages under way at once. */
  readonly concurrency: number;
  readonly alertsMax: number;
  readonly timeoutMs: number;
  /** When a lasting alert is told again; null: as its route says. */
  readonly repeatIntervalMs: number | null;
  /** Shortest time between the beginnings of two messages, ms. */
  readonly spacingMs: number;
}

export interface ReceiverContext {
  /** Where people find the API or a console; '' = not told. */
  readonly externalUrl: string;
  /** The secret in a file, or in an environment variable; null when neither is named. @throws BitternError BIT_KEY_FILE */
  secret(file: string, variable: string): Promise<Buffer | null>;
  /** A producer of the events' topic with a connection of its own. */
  openEvents(): Promise<{ readonly producer: Producer<StoryEvent>; close(): Promise<void> }>;
}

/** A kind of receiver: what its settings are, and how one is made. */
export interface ReceiverType<T extends z.ZodObject = z.ZodObject> {
  readonly type: string;
  readonly settings: T;
  create(settings: z.infer<T>, context: ReceiverContext): Promise<Receiver>;
}

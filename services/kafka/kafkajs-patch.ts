/**
 * One method of kafkajs 2.2.4, put right at run time (tulios/kafkajs#1751): a connection with nothing to send sets a timer with a
 * negative delay, which Node makes one millisecond and warns of, and sets it again each time it fires. That costs an idle
 * consumer some percent of a core. With nothing pending there is nothing to check: whatever is queued later sets the timer.
 */
import { createRequire } from 'node:module';

interface RequestQueue {
  readonly pending: readonly unknown[];
  scheduleCheckPendingRequests(): void;
}

let patched = false;

export function patchKafkajs(): void {
  if (patched) return;
  patched = true;
  const load = createRequire(import.meta.url);
  const { prototype } = load('kafkajs/src/network/requestQueue') as { prototype: RequestQueue };
  const schedule = prototype.scheduleCheckPendingRequests;
  prototype.scheduleCheckPendingRequests = function (this: RequestQueue): void {
    if (this.pending.length > 0) schedule.call(this);
  };
}

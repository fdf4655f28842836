/** Where each call belongs, and which stored rows say otherwise. */
import type { Micros } from '../common/types.ts';
import type { CallFacts, Placeable } from './facts.ts';

/** What a stored row ought to say of a call's place. */
export interface Correction {
  readonly callId: string;
  readonly start: Micros;
  readonly sessionId: string;
  readonly threadId: string;
  readonly turnId: string;
  readonly kind: CallFacts['kind'];
}

export class Places {
  readonly #sessionId: string;
  #corrections = new Map<string, Correction>();

  constructor(sessionId: string) {
    this.#sessionId = sessionId;
  }

  /** A session that names its parent keeps its own id. */
  sessionOf(call: Placeable): string {
    return call.parentSessionId !== '' && call.sessionSource !== 'content' ? call.sessionId : this.#sessionId;
  }

  /** The call belongs there; its row is corrected when it says otherwise. */
  put(call: Placeable, threadId: string, turnId: string, kind: CallFacts['kind']): void {
    const sessionId = this.sessionOf(call);
    const { row } = call;
    const same = row.sessionId === sessionId && row.threadId === threadId && row.turnId === turnId && row.kind === kind;
    if (same) this.#corrections.delete(call.callId);
    else
      this.#corrections.set(call.callId, { callId: call.callId, start: call.start, sessionId, threadId, turnId, kind });
  }

  /** Corrections since the last time. */
  take(): Correction[] {
    const corrections = [...this.#corrections.values()];
    this.#corrections = new Map();
    return corrections;
  }
}

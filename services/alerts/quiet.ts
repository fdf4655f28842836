/** Whether nobody is to be told of an alert at the moment: silenced by somebody, or muted by the configuration. */
import { listSilences, type Silence, silenceState } from '../clickhouse/silences.ts';
import type { Store } from '../clickhouse/store.ts';
import type { Alert } from './alert.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import { type Matcher, matchesAll, parseMatcher } from './matcher.ts';
import type { Mute } from './mute.ts';

interface ParsedSilence {
  readonly silence: Silence;
  readonly matchers: readonly Matcher[];
}

/** One that can't be read (a newer release wrote it) silences nothing. */
function parsed(silence: Silence): ParsedSilence[] {
  try {
    return silence.matchers.length === 0 ? [] : [{ silence, matchers: silence.matchers.map(parseMatcher) }];
  } catch {
    return [];
  }
}

export class Quiet {
  readonly #mutes: readonly Mute[];
  /** By alert, for a second: every receiver asks, at every change. */
  readonly #known = new WeakMap<Alert, { readonly second: number; readonly covered: boolean }>();
  #silences: readonly ParsedSilence[] = [];
  #readAt = 0;

  constructor(mutes: readonly Mute[]) {
    this.#mutes = mutes;
  }

  async refresh(store: Pick<Store, 'client'>, nowMs: number): Promise<void> {
    if (nowMs - this.#readAt < ALERT_DEFAULTS.silencesMs) return;
    const silences = await listSilences(store, { limit: ALERT_DEFAULTS.silencesMax });
    this.#silences = silences.flatMap(parsed);
    this.#readAt = nowMs;
  }

  covers(alert: Alert, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000);
    const known = this.#known.get(alert);
    if (known?.second === second) return known.covered;
    const covered = this.#judge(alert, nowMs);
    this.#known.set(alert, { second, covered });
    return covered;
  }

  #judge(alert: Alert, nowMs: number): boolean {
    for (const { silence, matchers } of this.#silences)
      if (silenceState(silence, nowMs) === 'active' && matchesAll(matchers, alert.labels)) return true;
    return this.#mutes.some((mute) => mute.mutes(alert.labels, nowMs));
  }
}

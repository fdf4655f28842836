/** Which receivers are told of an alert, and with which others it shares a message. */
import type { Alert } from './alert.ts';
import { ALERT_DEFAULTS } from './defaults.ts';
import { type Labels, type Matcher, matchesAll, parseMatcher } from './matcher.ts';

export interface RouteSettings {
  /** All must hold; none: every alert. */
  readonly match: readonly string[];
  readonly receivers: readonly string[];
  /** Labels whose values make a group; `finding` alone: each alert has messages of its own. */
  readonly groupBy: readonly string[];
  /** How long a new group waits for others that belong to it. */
  readonly groupWaitMs: number;
  /** Shortest time between two messages of a group. */
  readonly groupIntervalMs: number;
  /** An alert that lasts is told again after so long. */
  readonly repeatIntervalMs: number;
  /** Whether later routes are looked at as well. */
  readonly continue: boolean;
}

/** Without routes: all that is at least an alert, to everybody. */
export function defaultRoute(receivers: readonly string[]): RouteSettings {
  const { groupWaitMs, groupIntervalMs, repeatIntervalMs } = ALERT_DEFAULTS;
  return {
    match: ['level>=alert'],
    receivers,
    groupBy: ['finding'],
    groupWaitMs,
    groupIntervalMs,
    repeatIntervalMs,
    continue: false,
  };
}

export interface Target {
  readonly route: RouteSettings;
  readonly groupKey: string;
  readonly groupLabels: Labels;
}

export class Router {
  readonly #routes: readonly { readonly settings: RouteSettings; readonly matchers: readonly Matcher[] }[];

  /** @throws BitternError BIT_MATCHER */
  constructor(routes: readonly RouteSettings[]) {
    this.#routes = routes.map((settings) => ({ settings, matchers: settings.match.map(parseMatcher) }));
  }

  /** By receiver; the first route that names it counts. */
  targets(alert: Alert): ReadonlyMap<string, Target> {
    const targets = new Map<string, Target>();
    for (const { settings, matchers } of this.#routes) {
      if (!matchesAll(matchers, alert.labels)) continue;
      for (const receiver of settings.receivers) {
        if (!targets.has(receiver)) targets.set(receiver, targetOf(settings, alert.labels));
      }
      if (!settings.continue) break;
    }
    return targets;
  }

  /** For a receiver that no route leads to any more (the level fell): the first route that names it, so that it is told the end. */
  formerTarget(alert: Alert, receiver: string): Target | null {
    const route = this.#routes.find(({ settings }) => settings.receivers.includes(receiver));
    return route === undefined ? null : targetOf(route.settings, alert.labels);
  }
}

function targetOf(route: RouteSettings, labels: Labels): Target {
  const groupLabels = Object.fromEntries(route.groupBy.map((name) => [name, labels[name] ?? '']));
  return { route, groupKey: JSON.stringify(groupLabels), groupLabels };
}

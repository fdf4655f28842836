/** A message to one receiver: a group of alerts, and what is new about each. */
import { createHash } from 'node:crypto';
import type { Finding } from '../../schemas/story.ts';
import type { Delivery } from '../clickhouse/alert-deliveries.ts';
import type { Alert } from './alert.ts';
import { LEVELS } from './defaults.ts';
import type { Labels } from './matcher.ts';

/** `updated`: it happened again, or its level fell. `unchanged`: it is told because it belongs to the group. */
export type News = 'fired' | 'raised' | 'updated' | 'resolved' | 'repeated' | 'unchanged';

export interface AlertNews {
  readonly alert: Alert;
  readonly news: News;
  /** Level that the receiver knows; '' when it was told nothing. */
  readonly toldLevel: string;
  /** How often the receiver was told of it before. */
  readonly sequence: number;
  /** What was said, where the configuration allows to pass it on. */
  readonly content?: AlertContent | undefined;
}

export interface AlertContent {
  readonly prompt: string;
  readonly answer: string;
}

export interface Notification {
  /** 32 hex digits; the same when the same is sent again, also by another process after a crash. */
  readonly id: string;
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly groupKey: string;
  readonly groupLabels: Labels;
  /** New ones first. */
  readonly alerts: readonly AlertNews[];
  /** Further alerts of the group, unchanged ones. */
  readonly truncated: number;
}

const rank = (level: string): number => (LEVELS as readonly string[]).indexOf(level);

export interface NewsOptions {
  /** Whether the receiver wants to know that something happened again. */
  readonly updates: boolean;
  readonly repeatIntervalMs: number;
}

/** What a receiver that was told `told` has still to be told of a finding; null: nothing at the moment. */
export function newsOf(
  finding: Finding,
  told: Delivery | undefined,
  options: NewsOptions,
  nowMs: number,
): Exclude<News, 'unchanged'> | null {
  if (finding.state === 'resolved')
    return told?.toldState === 'resolved' || told?.status === 'dropped' ? null : 'resolved';
  if (told === undefined || told.toldState !== 'open') return 'fired';
  if (rank(finding.level) > rank(told.toldLevel)) return 'raised';
  const again = finding.occurrences !== told.toldOccurrences;
  if (options.updates && (again || finding.level !== told.toldLevel)) return 'updated';
  return nowMs >= told.toldAt + options.repeatIntervalMs ? 'repeated' : null;
}

export interface Member {
  readonly alert: Alert;
  readonly told: Delivery | undefined;
  readonly news: News;
}

/** `members`: of one group. @param alertsMax the rest of what is new comes with a later message */
export function notificationOf(
  receiver: string,
  group: { readonly key: string; readonly labels: Labels; readonly members: readonly Member[] },
  alertsMax: number,
): Notification {
  const isNew = group.members.filter((member) => member.news !== 'unchanged');
  const others = group.members.filter((member) => member.news === 'unchanged');
  const included = [...isNew, ...others].slice(0, alertsMax);
  const alerts = included.map(({ alert, news, told }) => ({
    alert,
    news,
    toldLevel: told?.toldState === 'open' ? told.toldLevel : '',
    sequence: told?.sequence ?? 0,
  }));
  return {
    id: idOf(receiver, group.key, included),
    receiver,
    status: alerts.some(({ alert }) => alert.finding.state === 'open') ? 'firing' : 'resolved',
    groupKey: group.key,
    groupLabels: group.labels,
    alerts,
    truncated: isNew.length + others.length - included.length,
  };
}

/** Of what is new, and of how often each was told before: so a second time of the same is another message, and a second attempt is not. */
function idOf(receiver: string, groupKey: string, members: readonly Member[]): string {
  const parts = members
    .filter(({ news }) => news !== 'unchanged')
    .map(({ alert: { finding }, told }) => [
      finding.findingId,
      told?.sequence ?? 0,
      finding.state,
      finding.level,
      finding.occurrences,
    ]);
  parts.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
  return createHash('sha256')
    .update(JSON.stringify([receiver, groupKey, parts]))
    .digest('hex')
    .slice(0, 32);
}

/**
 * Prometheus Alertmanager, by its API v2: `POST /api/v2/alerts`. It groups, silences and repeats by itself, so everything goes to
 * it at once, and goes again before it would take it for over (`endsAt`), which is how a dead Bittern's alerts end.
 *
 * It knows an alert by its labels. Those of a finding stay the same as long as it lasts, but for the level, which people route by:
 * when it changes, the alert of the former level ends. What a detector measures is in the annotations.
 *
 * https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml
 */
import { z } from 'zod';
import type { AlertNews, Notification } from '../notification.ts';
import { annotationsOf, findingUrl, isoTime } from './annotations.ts';
import { post } from './http.ts';
import type { ReceiverType } from './receiver.ts';
import { headerMap, httpUrl, receiverName, timeoutMs } from './settings.ts';

/** As Prometheus does it: an alert that isn't sent again three times is over. */
const RESENDS_MISSED_MAX = 4;
const ALERTS_A_POST = 64;

const settings = z.strictObject({
  type: z.literal('alertmanager'),
  name: receiverName,
  url: httpUrl.describe('Base URL, such as http://alertmanager:9093.'),
  headers: headerMap,
  resendMs: z.int().min(1_000).max(3_600_000).default(60_000).describe('How often a lasting alert is sent again.'),
  timeoutMs,
});

export const alertmanager: ReceiverType<typeof settings> = {
  type: 'alertmanager',
  settings,
  create: async (options, context) => ({
    name: options.name,
    delivery: {
      grouped: false,
      updates: true,
      concurrency: 1,
      alertsMax: ALERTS_A_POST,
      timeoutMs: options.timeoutMs,
      repeatIntervalMs: options.resendMs,
      spacingMs: 0,
    },
    send: (notification, signal) => {
      const endsInMs = options.resendMs * RESENDS_MISSED_MAX;
      const body = JSON.stringify(postableAlerts(notification, context.externalUrl, Date.now(), endsInMs));
      const url = `${options.url.replace(/\/+$/, '')}/api/v2/alerts`;
      return post({ url, headers: { ...options.headers, 'bittern-alert-id': notification.id }, body }, signal);
    },
    close: async () => {},
  }),
};

interface PostableAlert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
}

export function postableAlerts(
  notification: Notification,
  externalUrl: string,
  nowMs: number,
  endsInMs: number,
): PostableAlert[] {
  const now = new Date(nowMs).toISOString();
  return notification.alerts.flatMap((news) => {
    const { finding } = news.alert;
    const open = finding.state === 'open';
    // A capture that is replayed has old times; Alertmanager ends alerts by its clock, so it is told ours.
    const alert = postable(news, finding.level, externalUrl, open ? new Date(nowMs + endsInMs).toISOString() : now);
    const former = news.toldLevel !== '' && news.toldLevel !== finding.level;
    return former ? [postable(news, news.toldLevel, externalUrl, now), alert] : [alert];
  });
}

function postable(news: AlertNews, level: string, externalUrl: string, endsAt: string): PostableAlert {
  const { finding, identity } = news.alert;
  return {
    labels: labelNames({ ...identity, level, severity: level }),
    annotations: labelNames(annotationsOf(news)),
    startsAt: isoTime(Math.min(finding.firstSeen, Date.parse(endsAt) * 1000)),
    endsAt,
    generatorURL: findingUrl(externalUrl, finding),
  };
}

/** Only names that every release takes: [a-zA-Z_][a-zA-Z0-9_]*. */
function labelNames(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(labels).map(([name, value]) => [
      name.replace(/^[^a-zA-Z_]/, '_$&').replace(/[^a-zA-Z0-9_]/g, '_'),
      value,
    ]),
  );
}

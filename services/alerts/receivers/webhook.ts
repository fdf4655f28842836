/**
 * A webhook in the form of Alertmanager's (version 4), so that whatever takes those takes these.
 *
 *     POST url
 *     Bittern-Alert-Id: 32 hex digits, the same when the message is sent again
 *     Bittern-Timestamp: seconds since the epoch            | with a secret
 *     Bittern-Signature: sha256=hex(HMAC(secret, timestamp "." body))
 *
 * https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
 */
import { createHmac } from 'node:crypto';
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../defaults.ts';
import type { Labels } from '../matcher.ts';
import type { AlertNews, Notification } from '../notification.ts';
import { annotationsOf, findingUrl, isoTime } from './annotations.ts';
import { post } from './http.ts';
import type { ReceiverType } from './receiver.ts';
import { headerMap, httpUrl, receiverName, timeoutMs, updates } from './settings.ts';

/** Alertmanager's "not yet". */
const NO_TIME = '0001-01-01T00:00:00Z';

const settings = z.strictObject({
  type: z.literal('webhook'),
  name: receiverName,
  url: httpUrl.default('').describe('Where to.'),
  urlFile: z.string().default('').describe('File with the URL, instead of `url`.'),
  headers: headerMap,
  secretFile: z.string().default('').describe('File with the key of the signature (at least 16 bytes).'),
  secretVariable: z.string().default('').describe('Environment variable with that key.'),
  updates: updates(true),
  timeoutMs,
});

export const webhook: ReceiverType<typeof settings> = {
  type: 'webhook',
  settings,
  create: async (options, context) => {
    const url = await urlOf(options, context.secret);
    const secret = await context.secret(options.secretFile, options.secretVariable);
    return {
      name: options.name,
      delivery: {
        grouped: true,
        updates: options.updates,
        concurrency: 4,
        alertsMax: ALERT_DEFAULTS.messageAlertsMax,
        timeoutMs: options.timeoutMs,
        repeatIntervalMs: null,
        spacingMs: 0,
      },
      send: (notification, signal) => {
        const body = JSON.stringify(webhookBody(notification, context.externalUrl));
        const headers = {
          ...options.headers,
          'bittern-alert-id': notification.id,
          ...(secret === null ? {} : signatureHeaders(secret, body, Date.now())),
        };
        return post({ url, headers, body }, signal);
      },
      close: async () => {},
    };
  },
};

/** The URL itself, or what is in its file. @throws BitternError BIT_KEY_FILE */
export async function urlOf(
  options: { readonly url: string; readonly urlFile: string },
  secret: (file: string, variable: string) => Promise<Buffer | null>,
): Promise<string> {
  if (options.urlFile === '') return options.url;
  return String(await secret(options.urlFile, ''));
}

export function signatureHeaders(secret: Buffer, body: string, nowMs: number): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return { 'bittern-timestamp': timestamp, 'bittern-signature': `sha256=${signature}` };
}

export function webhookBody(notification: Notification, externalUrl: string): Record<string, unknown> {
  const alerts = notification.alerts.map((news) => alertBody(news, externalUrl));
  return {
    version: '4',
    groupKey: notification.groupKey,
    truncatedAlerts: notification.truncated,
    status: notification.status,
    receiver: notification.receiver,
    groupLabels: notification.groupLabels,
    commonLabels: common(alerts.map((alert) => alert.labels)),
    commonAnnotations: common(alerts.map((alert) => alert.annotations)),
    externalURL: externalUrl,
    alertId: notification.id,
    alerts,
  };
}

interface AlertBody {
  readonly status: 'firing' | 'resolved';
  readonly labels: Labels;
  readonly annotations: Labels;
  readonly startsAt: string;
  readonly endsAt: string;
  readonly generatorURL: string;
  readonly fingerprint: string;
  /** Not in Alertmanager's form: what is new. */
  readonly news: string;
}

function alertBody(news: AlertNews, externalUrl: string): AlertBody {
  const { finding, labels } = news.alert;
  return {
    status: finding.state === 'open' ? 'firing' : 'resolved',
    labels: { ...labels, severity: finding.level },
    annotations: annotationsOf(news),
    startsAt: isoTime(finding.firstSeen),
    endsAt: finding.state === 'open' ? NO_TIME : isoTime(finding.resolvedAt ?? finding.lastSeen),
    generatorURL: findingUrl(externalUrl, finding),
    fingerprint: finding.findingId,
    news: news.news,
  };
}

/** Names whose value is the same in all. */
function common(all: readonly Labels[]): Labels {
  const [first = {}, ...others] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => others.every((one) => one[name] === value)),
  );
}

/**
 * A Slack incoming webhook, or what takes its form. One message a group; at most one a second, as Slack wants it.
 *
 *     {"text": "for notifications", "blocks": [{"type":"section","text":{"type":"mrkdwn","text":"…"}}, …]}
 *
 * Texts are escaped (& < >), so that nothing becomes a link or a mention. A message can't be changed later: updates are off unless
 * wanted. https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
 */
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../defaults.ts';
import type { AlertNews, News, Notification } from '../notification.ts';
import { annotationsOf, findingUrl } from './annotations.ts';
import { post } from './http.ts';
import type { ReceiverType } from './receiver.ts';
import { httpUrl, receiverName, timeoutMs, updates } from './settings.ts';
import { urlOf } from './webhook.ts';

/** Slack takes 50 blocks of 3,000 characters. */
const ALERTS_SHOWN = 10;
const SECTION_CHARS_MAX = 2_900;
const SPACING_MS = 1_050;

const settings = z.strictObject({
  type: z.literal('slack'),
  name: receiverName,
  url: httpUrl.default('').describe('The webhook: a secret. Better in a file.'),
  urlFile: z.string().default('').describe('File with the URL.'),
  updates: updates(false),
  timeoutMs,
});

export const slack: ReceiverType<typeof settings> = {
  type: 'slack',
  settings,
  create: async (options, context) => {
    const url = await urlOf(options, context.secret);
    return {
      name: options.name,
      delivery: {
        grouped: true,
        updates: options.updates,
        concurrency: 1,
        alertsMax: ALERT_DEFAULTS.messageAlertsMax,
        timeoutMs: options.timeoutMs,
        repeatIntervalMs: null,
        spacingMs: SPACING_MS,
      },
      send: (notification, signal) =>
        post(
          {
            url,
            headers: { 'bittern-alert-id': notification.id },
            body: JSON.stringify(slackMessage(notification, context.externalUrl)),
          },
          signal,
        ),
      close: async () => {},
    };
  },
};

const WORDS: Readonly<Record<News, string>> = {
  fired: 'New',
  raised: 'Worse',
  updated: 'Again',
  resolved: 'Over',
  repeated: 'Still',
  unchanged: 'Still',
};

const ICONS: Readonly<Record<string, string>> = { critical: '🔴', alert: '🟠', note: '🔵' };

/** https://docs.slack.dev/messaging/formatting-message-text#escaping */
export function escapeSlack(text: string): string {
  // The marks of mrkdwn can't be escaped; between two of them a zero-width space keeps them apart from their words.
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replace(/[*_~`]/g, '\u200b$&\u200b');
}

export function slackMessage(notification: Notification, externalUrl: string): Record<string, unknown> {
  const shown = notification.alerts.slice(0, ALERTS_SHOWN);
  const left = notification.alerts.length - shown.length + notification.truncated;
  const sections = shown.map((news) => section(sectionText(news, externalUrl)));
  if (left > 0) sections.push(section(`and ${left} more`));
  const [first] = notification.alerts;
  const text = first === undefined ? '' : escapeSlack(headline(first));
  return { text: left + shown.length > 1 ? `${text} (and ${left + shown.length - 1} more)` : text, blocks: sections };
}

function section(text: string): Record<string, unknown> {
  return { type: 'section', text: { type: 'mrkdwn', text: text.slice(0, SECTION_CHARS_MAX) } };
}

function headline({ alert: { finding, labels }, news }: AlertNews): string {
  const icon = finding.state === 'resolved' ? '🟢' : (ICONS[finding.level] ?? '');
  const who = labels.agent === undefined ? '' : ` of ${labels.agent}`;
  return `${icon} ${WORDS[news]}: ${finding.level} ${finding.rule || finding.kind}${who}`;
}

function sectionText(news: AlertNews, externalUrl: string): string {
  const { finding, labels } = news.alert;
  const { summary = '', prompt, answer, ...annotations } = annotationsOf(news);
  const facts = [
    ['session', labels.session],
    ['tool', labels.tool],
    ['team', labels.team],
    ['occurrences', annotations.occurrences],
    ['wasted calls', annotations.wasted_calls],
    ['wasted tokens', annotations.wasted_tokens],
    ['wasted USD', annotations.wasted_cost_usd],
  ].filter((fact): fact is [string, string] => fact[1] !== undefined && fact[1] !== '');
  const url = findingUrl(externalUrl, finding);
  return [
    `*${escapeSlack(headline(news))}*`,
    escapeSlack(summary),
    facts.map(([name, value]) => `${name}: ${escapeSlack(value)}`).join(' · '),
    ...(prompt === undefined ? [] : [`> ${escapeSlack(prompt)}`]),
    ...(answer === undefined ? [] : [`> ${escapeSlack(answer)}`]),
    url === '' ? `finding ${finding.findingId}` : `<${encodeURI(url)}|finding ${finding.findingId.slice(0, 12)}>`,
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** Settings of the alerts. */
import { z } from 'zod';
import { ALERT_DEFAULTS } from '../../alerts/defaults.ts';
import { parseMatcher } from '../../alerts/matcher.ts';
import { DAYS } from '../../alerts/mute.ts';
import { receiverSettings } from '../../alerts/receivers/index.ts';

const LIST_MAX = 100;
const DAY_MS = 86_400_000;

const whole = (least: number, most: number, value: number, description: string) =>
  z.int().min(least).max(most).default(value).describe(description);

function problemOf(text: string): string | null {
  try {
    parseMatcher(text);
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

const matchers = z
  .array(
    z.string().superRefine((text, context) => {
      const problem = problemOf(text);
      if (problem !== null) context.addIssue({ code: 'custom', message: problem });
    }),
  )
  .max(ALERT_DEFAULTS.matchersMax)
  .default([]);

const route = z.strictObject({
  match: matchers,
  receivers: z.array(z.string()).min(1).max(LIST_MAX),
  groupBy: z.array(z.string().min(1).max(100)).max(20).default(['finding']),
  groupWaitMs: z.int().min(0).max(DAY_MS).default(ALERT_DEFAULTS.groupWaitMs),
  groupIntervalMs: z.int().min(0).max(DAY_MS).default(ALERT_DEFAULTS.groupIntervalMs),
  repeatIntervalMs: z
    .int()
    .min(1_000)
    .max(365 * DAY_MS)
    .default(ALERT_DEFAULTS.repeatIntervalMs),
  continue: z.boolean().default(false),
});

const clockTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$|^24:00$/, 'must be a time such as 22:00');

const mute = z.strictObject({
  name: z.string().min(1).max(100),
  match: matchers,
  days: z.array(z.enum(DAYS)).max(7).default([]),
  from: clockTime,
  to: clockTime,
  timeZone: z
    .string()
    .default('UTC')
    .refine((zone) => {
      try {
        new Intl.DateTimeFormat('en-US', { timeZone: zone });
        return true;
      } catch {
        return false;
      }
    }, 'must be a time zone such as Europe/Berlin'),
});

const settings = z.strictObject({
  content: z
    .boolean()
    .default(false)
    .describe('Let alerts carry the beginnings of prompts and answers. Off: counts, names and ids only.'),
  externalUrl: z
    .string()
    .default('')
    .refine((url) => url === '' || /^https?:$/.test(URL.parse(url)?.protocol ?? ''), 'must be an http or https URL')
    .describe('Where people reach the API, for links in alerts. Empty: no links.'),
  receivers: z
    .array(receiverSettings)
    .max(LIST_MAX)
    .default([])
    .describe(
      'Who is told: a list of {type: webhook | alertmanager | slack | kafka | command, name, …}; see docs/alerts.md. Empty: nobody.',
    ),
  routes: z
    .array(route)
    .max(LIST_MAX)
    .default([])
    .describe(
      'Who is told of what: a list of {match, receivers, groupBy, groupWaitMs, groupIntervalMs, repeatIntervalMs, continue}; the first that matches counts. Empty: every alert of level alert or critical to all receivers.',
    ),
  mutes: z
    .array(mute)
    .max(LIST_MAX)
    .default([])
    .describe('Weekly times in which nobody is told: a list of {name, match, days, from, to, timeZone}.'),
  pollMs: whole(50, 1_000, ALERT_DEFAULTS.pollMs, 'How often the findings are looked at.'),
  leaseMs: whole(
    2_000,
    120_000,
    ALERT_DEFAULTS.leaseMs,
    'Of several processes one sends alerts; when it has been dead for so long, another one goes on.',
  ),
  findingsMax: whole(
    100,
    1_000_000,
    ALERT_DEFAULTS.findingsMax,
    'Findings that are watched at a time: open ones, and those whose end somebody has still to be told.',
  ),
  retryDelayMs: whole(
    10,
    60_000,
    ALERT_DEFAULTS.retryDelayMs,
    'First wait before a failed message is sent again; doubled each time.',
  ),
  retryDelayMsMax: whole(10, DAY_MS, ALERT_DEFAULTS.retryDelayMsMax, 'Longest such wait.'),
  giveUpMs: whole(
    60_000,
    30 * DAY_MS,
    ALERT_DEFAULTS.giveUpMs,
    'The end of a finding that could not be told for so long is not told any more.',
  ),
});

export const alertsSection = settings
  .superRefine((alerts, context) => {
    const names = alerts.receivers.map((receiver) => receiver.name);
    names.forEach((name, index) => {
      if (names.indexOf(name) !== index)
        context.addIssue({ code: 'custom', path: ['receivers', index, 'name'], message: `'${name}' is there twice` });
    });
    alerts.receivers.forEach((receiver, index) => {
      const needsUrl = receiver.type === 'webhook' || receiver.type === 'slack';
      if (needsUrl && (receiver.url === '') === (receiver.urlFile === ''))
        context.addIssue({ code: 'custom', path: ['receivers', index], message: 'needs either url or urlFile' });
      if (receiver.type === 'alertmanager' && receiver.url === '')
        context.addIssue({ code: 'custom', path: ['receivers', index, 'url'], message: 'must be given' });
    });
    alerts.routes.forEach((each, index) => {
      for (const name of each.receivers) {
        if (!names.includes(name))
          context.addIssue({
            code: 'custom',
            path: ['routes', index],
            message: `there is no receiver '${name.slice(0, 80)}'`,
          });
      }
    });
  })
  .prefault({})
  .describe('Alerts: who is told of findings, and when (docs/alerts.md).');

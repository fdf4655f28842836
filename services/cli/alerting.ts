/** Alerts and rules as the configuration wants them, for `bittern up` and for `bittern alerts`. */
import { readFile } from 'node:fs/promises';
import { EVENTS } from '../../schemas/topics.ts';
import { Alerts } from '../alerts/alerts.ts';
import { ALERT_DEFAULTS } from '../alerts/defaults.ts';
import { createReceiver } from '../alerts/receivers/index.ts';
import type { ReceiverContext } from '../alerts/receivers/receiver.ts';
import { defaultRoute } from '../alerts/routing.ts';
import type { Store } from '../clickhouse/store.ts';
import { BitternError } from '../common/errors.ts';
import type { Config } from '../config/schema.ts';
import { Rules } from '../rules/runner.ts';
import { formatCount } from './terminal/units.ts';

export interface Alerting {
  /** Findings were stored: look at once. */
  nudge(): void;
  /** One line about its state, without numbers that always change; '' when nothing is configured. */
  status(): string;
  close(): Promise<void>;
}

export function isAlertingConfigured(config: Config): boolean {
  return config.alerts.receivers.length > 0 || config.rules.sql.length > 0;
}

/** Starts what is configured. @throws BitternError BIT_KEY_FILE for a secret that can't be read */
export async function startAlerting(config: Config, store: Store): Promise<Alerting> {
  const receivers = await Promise.all(
    config.alerts.receivers.map((settings) => createReceiver(settings, contextOf(config))),
  );
  const names = receivers.map((receiver) => receiver.name);
  const routes = config.alerts.routes.length > 0 ? config.alerts.routes : [defaultRoute(names)];
  const options = { ...config.alerts, routes, overlapSeconds: ALERT_DEFAULTS.overlapSeconds };
  const alerts = receivers.length === 0 ? null : Alerts.start(store, receivers, options);
  const rules =
    config.rules.sql.length === 0
      ? null
      : Rules.start(store, { ...config.rules, leaseMs: config.alerts.leaseMs, onFindings: () => alerts?.nudge() });
  return {
    nudge: () => alerts?.nudge(),
    status: () => [alertsLine(alerts), rulesLine(rules)].filter((line) => line !== '').join('; '),
    close: async () => {
      await rules?.close();
      await alerts?.close();
    },
  };
}

function alertsLine(alerts: Alerts | null): string {
  if (alerts === null) return '';
  const { active, watched, overflow, receivers, problem } = alerts.stats;
  if (problem !== '') return `alerts wait: ${problem}`;
  if (!active) return 'alerts: another process sends them';
  const messages = receivers.reduce((sum, receiver) => sum + receiver.messages, 0);
  const failing = receivers
    .filter((receiver) => receiver.problem !== '')
    .map((receiver) => `; ${receiver.receiver} fails: ${receiver.problem}`);
  const unwatched = overflow === 0 ? '' : `, ${formatCount(overflow)} more than may be watched`;
  return `alerts: ${formatCount(messages)} messages sent, ${formatCount(watched)} findings watched${unwatched}${failing.join('')}`;
}

function rulesLine(rules: Rules | null): string {
  if (rules === null) return '';
  const { active, rules: states, problem } = rules.stats;
  if (problem !== '') return `rules wait: ${problem}`;
  if (!active) return 'rules: another process runs them';
  const failing = states
    .filter((state) => state.problem !== '')
    .map((state) => `; ${state.rule} fails: ${state.problem}`);
  return `rules: ${formatCount(states.length)} run${failing.join('')}`;
}

function contextOf(config: Config): ReceiverContext {
  return {
    externalUrl: config.alerts.externalUrl,
    secret: secretOf,
    openEvents: async () => {
      // Its two clients take longer to load than all the rest.
      const { openKafkaBus } = await import('./kafka.ts');
      const bus = await openKafkaBus(config);
      return { producer: bus.producer(EVENTS), close: () => bus.close() };
    },
  };
}

async function secretOf(file: string, variable: string): Promise<Buffer | null> {
  if (file !== '') {
    const bytes = await readFile(file).catch((cause: NodeJS.ErrnoException) => {
      throw new BitternError('BIT_KEY_FILE', `Can't read the secret in '${file}': ${cause.code ?? 'error'}.`, {
        cause,
      });
    });
    return notEmpty(bytes.toString('utf8').trim(), `The file '${file}'`);
  }
  return variable === '' ? null : notEmpty(process.env[variable] ?? '', `The environment variable ${variable}`);
}

function notEmpty(text: string, where: string): Buffer {
  if (text === '') throw new BitternError('BIT_KEY_FILE', `${where} should hold a secret of a receiver, and is empty.`);
  return Buffer.from(text);
}

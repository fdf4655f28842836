/**
 * Agents that loop, and how long after the call that completes a loop a webhook's receiver is told of it.
 *
 *     SDK ──► fake model      captured on loopback ─► … ─► ClickHouse ─► tracker ─► alerts ─► webhook
 *           ▲ end of the fifth answer                                                         ▲ request taken
 *           └────────────────────────────── measured, both by this process' clock ────────────┘
 */
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import { alertsIn, type HookServer, until } from '../../services/alerts/testing.ts';
import { DETECTOR_DEFAULTS } from '../../services/tracker/detectors/settings.ts';
import { type FakeLlm, startFakeLlm } from '../fake-llm/server.ts';
import { quantile } from '../load/latency.ts';

/** The call with which the finding becomes an alert. */
const CALLS = DETECTOR_DEFAULTS.thresholds.exact_repeat.alert;

export interface Told {
  readonly loops: number;
  /** From the end of the call to the webhook's request, ms. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export const startModel = (): Promise<FakeLlm> => startFakeLlm();

/** One agent asks for the same tool again and again. @returns when the call ended that completes the loop, ms since the epoch */
async function loop(model: FakeLlm, session: string): Promise<number> {
  const defaultHeaders = { 'x-session-id': session, 'x-agent-id': 'looping' };
  const client = new Anthropic({ baseURL: model.url, apiKey: 'made-up-key', maxRetries: 0, defaultHeaders });
  const messages: Anthropic.MessageParam[] = [{ role: 'user', content: `Look the weather up (${session})` }];
  for (let n = 0; n < CALLS; n++) {
    const { content } = await client.messages.stream({ model: 'fake-loop', max_tokens: 100, messages }).finalMessage();
    const uses = content.filter((part) => part.type === 'tool_use');
    const results = uses.map(({ id }) => ({ type: 'tool_result' as const, tool_use_id: id, content: 'Rain.' }));
    messages.push({ role: 'assistant', content }, { role: 'user', content: results });
  }
  return Date.now();
}

/** When the receiver was told first that the session loops; null: not yet. */
function toldOf(hooks: HookServer, session: string): number | null {
  const isIt = ({ labels, news }: { labels: Readonly<Record<string, string>>; news: string }): boolean =>
    labels.session === session && labels.kind === 'exact_repeat' && news !== 'resolved';
  return hooks.taken.find(({ body }) => alertsIn(body).some(isIt))?.at ?? null;
}

/** Plays one loop after the other until one is told of: all parts are at work then. */
export async function warmUp(model: FakeLlm, hooks: HookServer): Promise<void> {
  for (let n = 0; n < 10; n++) {
    const session = `warm-${n}`;
    await loop(model, session);
    const heard = await until(() => toldOf(hooks, session) !== null).then(
      () => true,
      () => false,
    );
    if (heard) return;
  }
  throw new Error('no loop was told of');
}

export interface Round {
  /** Another one than any round before. */
  readonly name: string;
  readonly loops: number;
  /** A loop begins every so many ms. */
  readonly everyMs: number;
}

/** Plays the loops of a round. @throws when one isn't told of within half a minute */
export async function measure(model: FakeLlm, hooks: HookServer, { name, loops, everyMs }: Round): Promise<Told> {
  const playing = Array.from({ length: loops }, async (_, n) => {
    await sleep(n * everyMs);
    const session = `${name}-${n}`;
    const ended = await loop(model, session);
    await until(
      () => toldOf(hooks, session) !== null,
      () => `nobody was told of ${session}`,
    );
    return toldOf(hooks, session)! - ended;
  });
  const sorted = (await Promise.all(playing)).sort((a, b) => a - b);
  return { loops, p50Ms: quantile(sorted, 0.5), p99Ms: quantile(sorted, 0.99), maxMs: sorted.at(-1)! };
}

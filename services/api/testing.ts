/** For tests: an API with stored stories, and a client of it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Observation } from '../../schemas/call.ts';
import { ClickHouseSink } from '../clickhouse/sink.ts';
import { openStore, type Store } from '../clickhouse/store.ts';
import { callObservation, callRange, contentOf, sampleCall, sampleExchange } from '../clickhouse/testing.ts';
import type { StoredFacts } from '../tracker/facts.ts';
import { storedCall, Thread } from '../tracker/testing.ts';
import { Tracker } from '../tracker/tracker.ts';
import { type Api, type ApiOptions, startApi } from './server.ts';

export const TOKEN = 'a-token-that-only-this-test-knows';
export const LOOPBACK: ApiOptions = { host: '127.0.0.1', port: 0, allowRemote: false, token: Buffer.from(TOKEN) };

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly body: Record<string, unknown>;
}

export interface Stage {
  readonly store: Store;
  readonly api: Api;
  get(target: string): Promise<Answer>;
  put(observations: readonly Observation[]): Promise<void>;
  /** Lets the tracker tell the stories of what is stored. */
  track(): Promise<void>;
  close(): Promise<void>;
}

export async function openStage(options: Partial<ApiOptions> = {}): Promise<Stage> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'bittern-api-'));
  const store = await openStore({ dataDir, retentionDays: 0, memoryBytesMax: 1e9 });
  const api = await startApi(store, { ...LOOPBACK, ...options });
  return {
    store,
    api,
    get: async (target) => {
      const response = await fetch(`${api.url}${target}`, { headers: { authorization: `Bearer ${TOKEN}` } });
      const text = await response.text();
      const body = text.startsWith('{') ? (JSON.parse(text) as Record<string, unknown>) : {};
      return { status: response.status, text, body };
    },
    put: async (observations) => {
      const sink = new ClickHouseSink(store);
      await sink.add([...observations]);
      await sink.close();
    },
    track: async () => {
      const tracker = new Tracker(store.client);
      await tracker.catchUp();
      await tracker.close();
    },
    close: async () => {
      await api.close();
      await store.close();
      rmSync(dataDir, { recursive: true });
    },
  };
}

export const codeOf = ({ body }: Answer): unknown => (body.error as { code?: unknown } | undefined)?.code;

/** Two sessions with tools, an error and a loop; one of them has an id that no path likes. */
export function stories(): StoredFacts[] {
  const looping = new Thread({ session: 'ops/incident 77?#%ü', agentId: 'ops' }).user('Mend it');
  for (let i = 0; i < 6; i++) looping.asks([{ name: 'read', args: '{"path":"secret-file"}', result: 'same text' }]);
  looping.answers('I give up');
  const plain = new Thread({ session: 'plain', agentId: 'helper' }, 100)
    .user('Hello')
    .asks([{ name: 'mcp__files__list', args: '{}', result: 'Error', error: true }])
    .answers('Sorry')
    .user('Again')
    .answers('Hi');
  return [...looping.calls, ...plain.calls];
}

const DETAILED = 900_001;
/** The call whose contents are stored. */
export const DETAILED_ID = sampleCall(DETAILED).callId;

/** Something in every table: calls with and without contents, exchanges, stories. */
export async function fill(stage: Stage): Promise<void> {
  const question = contentOf('message', '{"role":"user","content":"Where do bitterns live?"}');
  const answer = contentOf('response', '{"answer":"In reeds."}');
  const detailed = sampleCall(DETAILED, {
    agentId: 'detailed',
    streaming: false,
    ttftMs: null,
    requestSkeleton: '{"messages":[\0]}',
    requestParts: [question.hash],
    responseContent: answer.hash,
  });
  await stage.put([
    ...callRange(0, 60),
    callObservation(detailed, [question, answer]),
    ...stories().map((call) => callObservation(storedCall(call))),
    ...Array.from({ length: 5 }, (_, n): Observation => ({ type: 'exchange', exchange: sampleExchange(n) })),
    { type: 'exchange', exchange: sampleExchange(9, { started: sampleExchange(4).started, status: 500 }) },
  ]);
  await stage.track();
}

/** Known calls for the cookbook's queries: few enough that every answer can be worked out by hand. Now is NOW, a Tuesday. */
import type { Call } from '../../schemas/call.ts';
import { ClickHouseSink } from '../../services/clickhouse/sink.ts';
import type { Store } from '../../services/clickhouse/store.ts';
import { callObservation, contentOf, sampleCall } from '../../services/clickhouse/testing.ts';
import { DETECTOR_DEFAULTS } from '../../services/tracker/detectors/settings.ts';
import { START, storedCall, Thread } from '../../services/tracker/testing.ts';
import { Tracker } from '../../services/tracker/tracker.ts';

/** START is 2026-09-21 14:13:20, a Monday. */
export const NOW = '2026-09-22 15:30:00';
const DAY = 86_400;

export const VALUES = { SESSION: 's-fix', TOOL: 'bash', REQUEST: 'req-lone', WORDS: 'reeds marsh' } as const;

/** What the sample has and these calls don't: told per conversation. */
const PLAIN: Partial<Call> = {
  toolNames: [],
  offeredTools: [],
  serverSoftware: '',
  responseId: '',
  requestId: '',
  tokenGapMaxMs: 50,
  clientName: 'claude-code',
  clientVersion: '2.0',
  teamId: 'core',
  credential: 'fp_core',
};

function named(name: string, thread: Thread, change: (call: Call, i: number) => Partial<Call>): [string, Call][] {
  return thread.calls.map((facts, i): [string, Call] => {
    const { toolNames, ...call } = storedCall(facts);
    const told = { ...call, ...PLAIN, toolNames, streaming: true, costUsd: facts.costUsd };
    return [`${name}#${i}`, { ...told, ...change(told, i) } as Call];
  });
}

/** Yesterday: one answer, dear. */
const old = new Thread({ session: 's-old', agentId: 'coder' }, 0)
  .user('Fix the build')
  .answers('Done.', { costUsd: 0.5 });

/** Today 14:13:20: a tool fails, a request is refused and tried again. */
const fix = new Thread({ session: 's-fix', agentId: 'coder' }, DAY)
  .user('Fix the build')
  .asks([{ name: 'bash', args: '{"c":"make"}', result: 'Error: no rule', error: true }])
  .asks([{ name: 'mcp__web__fetch', args: '{"u":1}', result: 'a page' }])
  .answers('Built.')
  .user('And the tests')
  .fails()
  .answers('Passed.');

/** 14:23:20: the same search seven times, and no end. */
const loop = new Thread({ session: 's-loop', agentId: 'looper' }, DAY + 600).user('Find it');
for (let i = 0; i < 7; i++) loop.asks([{ name: 'grep', args: '{"p":"x"}', result: 'nothing' }]);

/** 14:33:20: a subagent, and a compaction beside. */
const parent = new Thread({ session: 's-par', agentId: 'coder' }, DAY + 1200)
  .user('Look around')
  .asks([{ name: 'Agent', task: 'look', result: 'done', agent: 'a1' }])
  .waits(20)
  .answers('Looked.');
const child = new Thread({ session: 's-par', agentId: 'coder', thread: 'a1', kind: 'subagent' }, DAY + 1203)
  .user('look')
  .answers('I saw reeds', { costUsd: 0.02 });
const summing = new Thread({ session: 's-par', agentId: 'coder', thread: 'sum' }, DAY + 1210).side('compaction', {
  turnId: '',
});

/** Two answers at once in one thread: several agents under one name. */
const twice = new Thread({ session: 's-two', agentId: 'twin' }, DAY + 2400)
  .user('Go')
  .answers('One', { end: START + (DAY + 2430) * 1e6 });
const again = new Thread({ session: 's-two', agentId: 'twin' }, DAY + 2410).user('Go').user('On').answers('Two');

const REQUEST = [
  contentOf('message', '{"role":"user","content":"Where?"}'),
  contentOf('message', '{"role":"user","content":"In the Marsh\\nreeds?"}'),
];
const ANSWER = contentOf('response', '{"content":"Reeds, by the marsh."}');

/** Without agent and session; a stall, half of it missed by the capture, with contents. */
const lone = sampleCall(1, {
  ...PLAIN,
  ...{ agentId: '', sessionId: '', sessionSource: '', turnId: '', identitySource: '', teamId: '', callKind: '' },
  ...{ clientName: 'curl', clientVersion: '8.9', credential: 'fp_lone', clientIp: '10.0.0.77', requestId: 'req-lone' },
  ...{
    model: 'local',
    provider: 'vllm',
    costUsd: null,
    toolNames: [],
    toolCallIds: [],
    toolArguments: [],
    toolArgumentHashes: [],
    toolPromptHashes: [],
  },
  ...{
    requestStart: START + (DAY + 3000) * 1e6,
    requestEnd: null,
    firstByte: null,
    firstToken: null,
    responseEnd: null,
  },
  ...{
    tokenGapMaxMs: 9000,
    completeness: 'gap',
    missingBytes: 1448,
    durationMs: 12_000,
    ttftMs: 900,
    serverIp: '10.0.0.3',
    serverPort: 8000,
  },
  ...{
    host: '10.0.0.3:8000',
    serverSoftware: 'uvicorn',
    responseId: 'chatcmpl-0123456789abcdef',
    inputTokens: 10,
    cacheReadTokens: 0,
    outputTokens: 5,
  },
  ...{ promptPreview: 'In reeds marsh?', answerPreview: 'Reeds.', requestSkeleton: '{"messages":[\0,\0]}' },
  ...{ requestParts: REQUEST.map(({ hash }) => hash), responseContent: ANSWER.hash },
});

export const CALLS: ReadonlyMap<string, Call> = new Map([
  ...named('old', old, () => ({ ttftMs: 100 })),
  ...named('fix', fix, ({ outcome }, i) => ({
    ttftMs: 100 * (i + 1),
    offeredTools: ['bash', 'edit', 'mcp__web__fetch'],
    ...(outcome === 'http_error'
      ? { status: 429, errorType: 'rate_limit_error', costUsd: 0, ttftMs: null, streaming: false }
      : {}),
  })),
  ...named('loop', loop, () => ({
    teamId: 'ops',
    credential: 'fp_ops',
    provider: 'anthropic',
    model: 'claude',
    clientName: 'codex',
  })),
  ...named('par', parent, () => ({ inputTokens: 2000, cacheReadTokens: 1500 })),
  ...named('child', child, () => ({})),
  ...named('sum', summing, () => ({ durationMs: 9000 })),
  ...named('two', twice, () => ({ outputTokensPerSecond: 10 })),
  ...named('again', again, () => ({ outputTokensPerSecond: 10 })),
  ['lone', lone],
]);

export async function storeKnown(store: Store): Promise<void> {
  const sink = new ClickHouseSink(store);
  for (const [name, call] of CALLS)
    await sink.add([callObservation(call, name === 'lone' ? [...REQUEST, ANSWER] : [])]);
  const from = START + (DAY + 3000) * 1e6;
  const losses = [
    { reason: 'gap', packets: 1, bytes: 1448 },
    { reason: 'not_http', packets: 4, bytes: 200 },
  ];
  await sink.addLosses({ stage: 'http', probe: 'test', source: 'file', from, to: from + 60e6, losses });
  await sink.close();
  // Loops stay open, however long ago this is by the clock of the machine.
  const tracker = new Tracker(store.client, { detectors: { ...DETECTOR_DEFAULTS, quietMs: 1e15 } });
  await tracker.catchUp();
  await tracker.close();
}

/** Values for this folder's tests and benchmarks. */
import { createHash } from 'node:crypto';
import type { Call, Content, ExchangeRow, Observation } from '../../schemas/call.ts';
import type { Finding } from '../../schemas/story.ts';
import type { CallId, ConnectionId, ContentHash } from '../common/types.ts';

/** 2026-01-02T03:04:05.678901Z in µs. */
export const SAMPLE_TIME = 1_767_323_045_678_901;

export function hexId(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(parts.join('|')).digest('hex').slice(0, 32);
}

export function contentOf(kind: Content['kind'], text: string): Content {
  return { hash: hexId(text) as ContentHash, kind, text };
}

/** A call with plausible values; `n` makes its ids and time. */
export function sampleCall(n: number, change: Partial<Call> = {}): Call {
  const start = SAMPLE_TIME + n * 10_000;
  return {
    callId: hexId('call', n) as CallId,
    connectionId: hexId('connection', n >> 3) as ConnectionId,
    sessionId: `session-${n >> 5}`,
    sessionSource: 'header',
    turnId: hexId('turn', n >> 3),
    callKind: 'main',
    threadId: '',
    parentSessionId: '',
    parentThreadId: '',
    userMessageCount: 1,
    promptHash: '',
    threadPromptHash: '',
    openingHash: '',
    stepId: '',
    answerHash: '',
    answerTextHash: '',
    agentId: `agent-${n % 7}`,
    userId: `user-${n % 50}`,
    teamId: 'team-1',
    identitySource: 'header',
    credential: 'fp_0123456789abcdef',
    clientName: 'openai-python',
    clientVersion: '1.99.0',
    sdk: 'openai-python/1.99.0',
    dialect: 'openai.chat',
    provider: 'openai',
    requestedModel: 'gpt-5',
    model: 'gpt-5-2026-01-01',
    responseId: `chatcmpl-${n}`,
    previousResponseId: '',
    streaming: true,
    status: 200,
    outcome: 'ok',
    errorType: '',
    errorMessage: '',
    finishReason: 'stop',
    finishReasonRaw: 'stop',
    completeness: 'full',
    missingBytes: 0,
    provisional: false,
    requestStart: start,
    requestEnd: start + 900,
    firstByte: start + 200_000,
    firstToken: start + 250_123,
    responseEnd: start + 1_800_456,
    ttftMs: 249.223,
    ttfbMs: 199.1,
    durationMs: 1800.456,
    tokenGapP50Ms: 12.5,
    tokenGapMaxMs: 130.25,
    outputTokensPerSecond: 71.5,
    inputTokens: 1200 + n,
    cacheReadTokens: 1000,
    cacheWriteTokens: 0,
    cacheWrite5mTokens: null,
    cacheWrite1hTokens: null,
    outputTokens: 111,
    reasoningTokens: 10,
    usageSource: 'reported',
    costUsd: 0.00123,
    costEstimated: false,
    toolNames: ['search'],
    toolCallIds: [`tool-${n}`],
    toolArguments: ['{"query":"bitterns"}'],
    toolArgumentHashes: [hexId('bitterns')],
    toolPromptHashes: [''],
    toolResultIds: [],
    toolResultNames: [],
    toolResultHashes: [],
    toolResultErrors: [],
    toolResultAgents: [],
    toolResultPreviews: [],
    offeredTools: ['search', 'write'],
    messageCount: 3,
    maxOutputTokens: 4096,
    temperature: 0.7,
    promptPreview: 'Where do bitterns live?',
    answerPreview: 'In reeds.',
    requestBytes: 5000,
    responseBytes: 9000,
    clientIp: '10.0.0.1',
    clientPort: 40_000 + (n % 20_000),
    serverIp: '10.0.0.2',
    serverPort: 443,
    host: 'api.openai.com',
    method: 'POST',
    path: '/v1/chat/completions',
    protocol: 'http/1.1',
    serverSoftware: 'cloudflare',
    gateway: '',
    requestId: `req_${n}`,
    retryCount: 0,
    upstreamRequestId: '',
    traceparent: '',
    origin: 'packets',
    probe: 'test',
    network: 'default',
    processId: 0,
    processName: '',
    labels: {},
    captureMode: 'content',
    redactions: {},
    requestSkeleton: '',
    requestParts: [],
    responseContent: '',
    requestHeaders: '',
    responseHeaders: '',
    ...change,
  };
}

export function sampleExchange(n: number, change: Partial<ExchangeRow> = {}): ExchangeRow {
  const started = SAMPLE_TIME + n * 10_000;
  return {
    exchangeId: hexId('exchange', n) as CallId,
    connectionId: hexId('connection', n) as ConnectionId,
    started,
    firstByte: started + 5000,
    ended: started + 6000,
    method: 'GET',
    host: 'example.org',
    path: '/health',
    protocol: 'http/1.1',
    status: 200,
    requestType: '',
    responseType: 'text/plain',
    requestBytes: 0,
    responseBytes: 2,
    requestMessages: 0,
    responseMessages: 0,
    grpcStatus: '',
    outcome: 'complete',
    completeness: 'full',
    missingBytes: 0,
    provisional: false,
    clientName: 'curl',
    agentId: '',
    credential: '',
    clientIp: '10.0.0.1',
    clientPort: 50_000,
    serverIp: '10.0.0.3',
    serverPort: 80,
    upgrade: '',
    upgradeBytes: 0,
    clientMessages: 0,
    serverMessages: 0,
    clientMessageBytes: 0,
    serverMessageBytes: 0,
    skippedBytes: 0,
    closeCode: 0,
    purpose: '',
    responseId: '',
    origin: 'packets',
    probe: 'test',
    network: 'default',
    requestHeaders: '',
    responseHeaders: '',
    ...change,
  };
}

export function callObservation(call: Call, contents: readonly Content[] = []): Observation {
  return { type: 'call', call, contents };
}

/** Calls `from` … `to` − 1 without contents. */
export function callRange(from: number, to: number): Observation[] {
  return Array.from({ length: to - from }, (_, i) => callObservation(sampleCall(from + i)));
}

/** A finding with plausible values; `n` makes its id, session and time. */
export function sampleFinding(n: number, change: Partial<Finding> = {}): Finding {
  const time = SAMPLE_TIME + n * 1_000_000;
  return {
    findingId: hexId('finding', n),
    kind: 'exact_repeat',
    rule: 'exact_repeat',
    level: 'alert',
    state: 'open',
    fingerprint: hexId('fingerprint', n),
    sessionId: `session-${n}`,
    threadId: hexId('thread', n),
    turnId: hexId('turn', n),
    agentId: `agent-${n % 3}`,
    userId: 'user-1',
    teamId: 'team-1',
    toolName: 'search',
    summary: 'The agent called the tool search 5 times with the same arguments.',
    occurrences: 5,
    firstSeen: time,
    lastSeen: time + 30_000_000,
    resolvedAt: null,
    wastedCalls: 4,
    wastedTokens: 48_000,
    wastedCostUsd: 0.125,
    callIds: [hexId('call', n), hexId('call', n + 1)],
    labels: { arguments_hash: hexId('arguments', n) },
    ...change,
  };
}

/** Anthropic's Messages through Bedrock's InvokeModel: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html. */
import { anthropicMessages } from './anthropic-messages.ts';
import { awsFailure, awsHeaders, awsStreamFailure } from './bedrock-converse.ts';
import type { Ask, Cutter, Dialect, Reply, StreamEvent } from './dialect.ts';

/** Model and stream are in the path, the version is in the body. */
function request(ask: Ask): unknown {
  const { model: _model, stream: _stream, ...body } = anthropicMessages.request(ask) as Record<string, unknown>;
  return { anthropic_version: 'bedrock-2023-05-31', ...body };
}

/** The last event has Bedrock's own counts besides. */
function events(reply: Reply, cut: Cutter): StreamEvent[] {
  const { input, cacheRead, cacheWrite, output } = reply.usage;
  const metrics = {
    inputTokenCount: input - cacheRead - cacheWrite,
    outputTokenCount: output,
    invocationLatency: 512,
    firstByteLatency: 90,
    cacheReadInputTokenCount: cacheRead,
    cacheWriteInputTokenCount: cacheWrite,
  };
  return anthropicMessages.events(reply, cut).map((each) => {
    const last = each.end ? { 'amazon-bedrock-invocationMetrics': metrics } : {};
    return { ...each, name: 'chunk', data: JSON.stringify({ ...(JSON.parse(each.data) as object), ...last }) };
  });
}

export const anthropicBedrock: Dialect = {
  ...anthropicMessages,
  name: 'anthropic.bedrock',
  storedAs: 'anthropic.messages',
  framing: 'aws',
  tellsStreamEarly: true,
  idPrefixes: ['msg_bdrk_01', 'toolu_bdrk_01'],
  target: (ask) => `/model/${encodeURIComponent(ask.model)}/invoke${ask.streaming ? '-with-response-stream' : ''}`,
  headers: awsHeaders,
  request,
  events,
  failure: awsFailure,
  streamFailure: awsStreamFailure,
};

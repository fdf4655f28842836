/** Anthropic's Messages through Vertex: https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/use-claude. */
import { anthropicMessages } from './anthropic-messages.ts';
import type { Ask, Dialect } from './dialect.ts';

/** The model is in the path, the version is in the body. */
function request(ask: Ask): unknown {
  const { model: _model, ...body } = anthropicMessages.request(ask) as Record<string, unknown>;
  return { anthropic_version: 'vertex-2023-10-16', ...body };
}

export const anthropicVertex: Dialect = {
  ...anthropicMessages,
  name: 'anthropic.vertex',
  storedAs: 'anthropic.messages',
  tellsStreamEarly: true,
  idPrefixes: ['msg_vrtx_01', 'toolu_vrtx_01'],
  target: ({ model, streaming }) =>
    `/v1/projects/p-1/locations/europe-west1/publishers/anthropic/models/${model}:${streaming ? 'streamRawPredict' : 'rawPredict'}`,
  headers: (key) => [['authorization', `Bearer ${key}`]],
  request,
};

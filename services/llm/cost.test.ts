import assert from 'node:assert/strict';
import { test } from 'node:test';
import { calcPrice } from '@pydantic/genai-prices';
import fc from 'fast-check';
import { Pricing } from './cost.ts';
import { providerOf } from './provider.ts';

const TIME = Date.UTC(2026, 9, 1, 12) * 1000;
const MODELS = [
  ['anthropic', 'anthropic', 'claude-sonnet-4-5'],
  ['openai', 'openai', 'gpt-5-mini-2025-08-07'],
  ['gcp.gemini', 'google', 'gemini-2.5-pro'],
  ['deepseek', 'deepseek', 'deepseek-chat'],
] as const;

test('the cost is that of the price list, tiers and cached tokens included', () => {
  const pricing = new Pricing();
  const count = fc.nat(400_000);
  fc.assert(
    fc.property(
      fc.constantFrom(...MODELS),
      count,
      count,
      count,
      count,
      count,
      ([provider, providerId, model], ...n) => {
        const [fresh, cacheRead, write5m, cacheWrite1h, output] = n as [number, number, number, number, number];
        const cacheWrite = write5m + cacheWrite1h;
        const input = fresh + cacheRead + cacheWrite;
        const usage = { input, cacheRead, cacheWrite, cacheWrite5m: write5m, cacheWrite1h, output, reasoning: null };
        const listed = calcPrice(
          {
            input_tokens: input,
            cache_read_tokens: cacheRead,
            cache_write_tokens: cacheWrite,
            cache_write_1h_tokens: cacheWrite1h,
            output_tokens: output,
          },
          model,
          { providerId, timestamp: new Date(TIME / 1000) },
        )!.total_price;
        assert.ok(Math.abs(pricing.costUsd(provider, model, usage, TIME)! - listed) < 1e-9 * Math.max(1, listed));
      },
    ),
  );
});

test('a model that the list does not know costs null, not nothing', () => {
  const usage = {
    input: 1,
    cacheRead: null,
    cacheWrite: null,
    cacheWrite5m: null,
    cacheWrite1h: null,
    output: 1,
    reasoning: null,
  };
  assert.equal(new Pricing().costUsd('openai', 'my-own-model', usage, TIME), null);
  assert.equal(new Pricing().costUsd('nobody', 'gpt-5', usage, TIME), null);
});

test('the provider is told by the host, else by the server, else by the dialect', () => {
  const azure = new Map([['apim-request-id', 'x']]);
  assert.equal(providerOf('api.openai.com:443', null, 'x'), 'openai');
  assert.equal(providerOf('me.openai.azure.com', null, 'openai'), 'azure.ai.openai');
  assert.equal(providerOf('us-central1-aiplatform.googleapis.com', null, 'gcp.gemini'), 'gcp.vertex_ai');
  assert.equal(providerOf('notapi.openai.com.evil.test', null, 'x'), 'x');
  assert.equal(providerOf('10.0.0.1:8080', azure, 'openai'), 'azure.ai.openai');
  assert.equal(providerOf('[::1]:8080', null, 'anthropic'), 'anthropic');
  assert.equal(providerOf('gateway', null, 'anthropic', '/model/anthropic.claude-x/invoke'), 'aws.bedrock');
  assert.equal(providerOf('gateway', null, 'x', '/v1/projects/p/locations/l/publishers/x/models/m:a'), 'gcp.vertex_ai');
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gatewayOf } from './gateway.ts';

test('a gateway is named by headers of its own, the one that knows of LLM calls first', () => {
  const told = (...names: string[]) => gatewayOf(new Map(names.map((name) => [name, 'x'])));
  assert.equal(told('server', 'x-litellm-call-id'), 'litellm');
  assert.equal(told('x-envoy-upstream-service-time', 'llm_provider-x-request-id'), 'litellm');
  assert.equal(told('x-envoy-upstream-service-time'), 'envoy');
  assert.equal(told('x-kong-proxy-latency'), 'kong');
  assert.equal(told('server', 'x-request-id'), '');
  assert.equal(gatewayOf(undefined), '');
});

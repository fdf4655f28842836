import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import fastify, { type RouteOptions } from 'fastify';
import type { Store } from '../clickhouse/store.ts';
import { STATUS } from './failure.ts';
import { openApiText } from './openapi-text.ts';
import { addRoutes } from './routes.ts';

interface Operation {
  readonly summary: string;
  readonly operationId: string;
  readonly responses: Record<string, unknown>;
  readonly requestBody?: unknown;
  readonly parameters: readonly { readonly name: string; readonly schema: unknown }[];
}

const document = JSON.parse(await openApiText()) as { readonly paths: Record<string, Record<string, Operation>> };
const operations = Object.values(document.paths).flatMap((path) => Object.values(path));

test('docs/openapi.json is what the routes make: npm run openapi', async () => {
  const committed = readFileSync(new URL('../../docs/openapi.json', import.meta.url), 'utf8');
  assert.ok(committed === (await openApiText()), 'they differ');
});

test('every route of /api/v1 is in the document, those that write too, with the body that they take', async () => {
  const app = fastify();
  const found: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    found.push(route);
  });
  addRoutes(app, {} as Store, { observer: null, trafficByAgent: false });
  await app.ready();
  // Those of several methods refuse them (405).
  const routes = found.flatMap(({ url, method }) =>
    url.startsWith('/api/') && typeof method === 'string' && method !== 'HEAD'
      ? [{ path: url.replaceAll(/:(\w+)/g, '{$1}'), method: method.toLowerCase() }]
      : [],
  );
  const told = ({ path, method }: (typeof routes)[number]): Operation | undefined => document.paths[path]?.[method];
  assert.deepEqual(
    routes.filter((route) => told(route) === undefined),
    [],
  );
  assert.ok(routes.length > 20);
  const taking = routes.filter((route) => told(route)?.requestBody !== undefined).map(({ method }) => method);
  assert.deepEqual(
    taking.sort(),
    routes
      .map(({ method }) => method)
      .filter((method) => method === 'post' || method === 'put')
      .sort(),
  );
});

test('every operation has its own id, a sentence, and the failures that it may answer with', () => {
  const ids = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(ids).size, ids.length);
  for (const { summary, responses } of operations) {
    assert.match(summary, /\.$/);
    for (const status of ['400', '401', '503']) assert.ok(responses[status] !== undefined, summary);
  }
});

test('every parameter has a type or a list of values', () => {
  for (const { parameters, operationId } of operations)
    for (const { name, schema } of parameters)
      assert.ok('type' in (schema as object) || 'enum' in (schema as object), `${operationId} ${name}`);
});

test('docs/api.md tells every code of a failure with its status', () => {
  const page = readFileSync(new URL('../../docs/api.md', import.meta.url), 'utf8');
  const told = [...page.matchAll(/^\| `(\w+)` \| (\d+) \|/gm)].map(([, code, status]) => [code, Number(status)]);
  assert.deepEqual(new Map(told as [string, number][]), new Map(Object.entries(STATUS)));
});

/**
 * The OpenAPI 3.1 document, made of the routes as they are registered: parameters from the schemas that check them, answers from the
 * schemas that write them. `npm run openapi` writes it to docs/openapi.json; a test keeps the two equal.
 */
import type { FastifyInstance, RouteOptions, RouteShorthandOptions } from 'fastify';
import { z } from 'zod';
import { STATUS } from './failure.ts';
import { DESCRIBED } from './params.ts';
import { type JsonSchema, SCHEMAS } from './row-schemas.ts';

export interface Described {
  /** One sentence for the document. */
  readonly summary: string;
  readonly query?: z.ZodObject;
  readonly params?: z.ZodObject;
  readonly body?: z.ZodObject;
  /** The answer's schema; absent for other types than JSON. */
  readonly answer?: JsonSchema;
  /** Status of success; default 200. */
  readonly status?: number;
  /** Media type of the answer; default application/json. */
  readonly type?: string;
  /** Statuses beside those that every route may answer with. */
  readonly failures?: readonly number[];
  /** Operations that take something of the answer: by their id, a parameter and where it stands (RFC 6901). */
  readonly links?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

interface Told {
  readonly described?: Described;
}

/** Options of a route that is checked, written and documented as told. Parameters that it doesn't name are refused. */
export function described(route: Described): RouteShorthandOptions {
  const { query = z.strictObject({}), params, body, answer, status = 200 } = route;
  const schema = {
    querystring: query,
    ...(params === undefined ? {} : { params }),
    ...(body === undefined ? {} : { body }),
    ...(answer === undefined ? {} : { response: { [status]: answer } }),
  };
  return { schema, config: { described: { ...route, query } } satisfies Told as object };
}

/** What every route of /api/v1 may answer with. */
const COMMON = [400, 401, 408, 421, 431, 500, 503] as const;
/** And those that take a body. */
const WITH_BODY = [413, 415] as const;

const NAMES = new Map<unknown, string>(Object.entries(SCHEMAS).map(([name, schema]) => [schema, name]));

/** Schemas that have a name by it. */
function named(schema: unknown, own = false): unknown {
  const name = own ? undefined : NAMES.get(schema);
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(schema)) return schema.map((each) => named(each));
  if (typeof schema !== 'object' || schema === null) return schema;
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, named(value)]));
}

/** A schema of zod's as JSON schema. */
function jsonSchemaOf(type: z.ZodType): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(type, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      const instead = DESCRIBED.get(zodSchema as unknown as z.ZodType)?.schema;
      if (instead === undefined) return;
      for (const key of Object.keys(jsonSchema)) delete (jsonSchema as Record<string, unknown>)[key];
      Object.assign(jsonSchema, instead);
    },
  }) as Record<string, unknown>;
  return schema;
}

function parametersOf(place: 'path' | 'query', type: z.ZodObject | undefined): object[] {
  if (type === undefined) return [];
  const { properties = {}, required = [] } = jsonSchemaOf(type) as {
    properties?: Record<string, JsonSchema>;
    required?: readonly string[];
  };
  return Object.entries(properties).map(([name, schema]) => {
    const needed = place === 'path' || (required.includes(name) && schema.default === undefined);
    return { name, in: place, required: needed, schema };
  });
}

function linksOf(links: NonNullable<Described['links']>): object {
  const linked = Object.entries(links).map(([operationId, places]) => {
    const parameters = Object.entries(places).map(([name, place]) => [name, `$response.body#${place}`]);
    return [operationId, { operationId, parameters: Object.fromEntries(parameters) }];
  });
  return Object.fromEntries(linked);
}

function operationOf({ url }: RouteOptions, method: string, route: Described): object {
  const { answer, body, failures = [], links, params, query, status = 200, summary, type = 'application/json' } = route;
  const failed = (code: number): [string, object] => [String(code), { $ref: '#/components/responses/Failure' }];
  const success = {
    description: 'As asked for.',
    ...(status === 204 ? {} : { content: { [type]: { schema: named(answer ?? {}) } } }),
    ...(links === undefined ? {} : { links: linksOf(links) }),
  };
  const words = url.replace('/api/v1/', '').split(/[/:.]+/);
  return {
    operationId: [method.toLowerCase(), ...words].join('_'),
    summary,
    parameters: [...parametersOf('path', params), ...parametersOf('query', query)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: jsonSchemaOf(body) } } } }),
    responses: {
      [String(status)]: success,
      ...Object.fromEntries(
        [...new Set([...COMMON, ...(body === undefined ? [] : WITH_BODY), ...failures])]
          .sort((a, b) => a - b)
          .map(failed),
      ),
    },
  };
}

export interface CollectedRoutes {
  document(): object;
  /** Methods of each path. */
  methods(): ReadonlyMap<string, readonly string[]>;
}

/** Remembers the routes that are added to `app` from now on. */
export function collectRoutes(app: FastifyInstance): CollectedRoutes {
  const routes: RouteOptions[] = [];
  app.addHook('onRoute', (route) => {
    routes.push(route);
  });
  const methodsOf = (url: string): string[] =>
    routes.filter((route) => route.url === url).flatMap((route) => [route.method].flat());
  return {
    document: () => documentOf(routes),
    methods: () => new Map(routes.map(({ url }) => [url, methodsOf(url)])),
  };
}

function documentOf(routes: readonly RouteOptions[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const { described: told } = (route.config ?? {}) as Told;
    if (told === undefined) continue;
    for (const method of [route.method].flat()) {
      if (method === 'HEAD') continue;
      const path = route.url.replaceAll(/:(\w+)/g, '{$1}');
      paths[path] = { ...paths[path], [method.toLowerCase()]: operationOf(route, method, told) };
    }
  }
  const codes = Object.entries(STATUS).map(([code, status]) => `${code} (${status})`);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Bittern',
      version: '1',
      description:
        'What Bittern has stored of the watched traffic. Times are microseconds since 1970; see docs/api.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: 'http://127.0.0.1:4680' }],
    security: [{ token: [] }],
    paths: Object.fromEntries(Object.entries(paths).sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(Object.entries(SCHEMAS).map(([name, schema]) => [name, named(schema, true)])),
      responses: {
        Failure: {
          description: `A failure. Codes: ${codes.join(', ')}.`,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
        },
      },
    },
  };
}

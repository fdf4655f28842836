import fastify from 'fastify';
import type { Store } from '../clickhouse/store.ts';
import { addRoutes } from './routes.ts';

/** The OpenAPI document as the file in docs has it. No store is asked: routes are only registered. */
export async function openApiText(): Promise<string> {
  const app = fastify();
  const document = addRoutes(app, {} as Store, { observer: null, trafficByAgent: false });
  await app.ready();
  await app.close();
  return `${JSON.stringify(document(), null, 1)}\n`;
}

/** Routes of what Bittern has seen in the calls, and of those who are told: findings, silences, names of agents. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { parseSilence } from '../alerts/silence.ts';
import { listAgents, setAgent, unsetAgent } from '../clickhouse/agents.ts';
import { deliveriesOf } from '../clickhouse/alert-deliveries.ts';
import { getFinding, listFindings } from '../clickhouse/findings.ts';
import { addSilence, endSilence, listSilences } from '../clickhouse/silences.ts';
import type { Store } from '../clickhouse/store.ts';
import {
  agentChangeOf,
  agentIdOf,
  FINDINGS_QUERY,
  findingCursorText,
  findingListQueryOf,
  hexIdOf,
  SILENCES_QUERY,
  silenceOf,
} from './alert-query.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { described } from './openapi.ts';
import { hexIdParams } from './params.ts';

interface ById {
  readonly Params: { readonly id: string };
}

const WITH_BODY = { bodyLimit: API_DEFAULTS.changeBytesMax };

export function addAlertRoutes(app: FastifyInstance, store: Store): void {
  app.get<{ Querystring: z.infer<typeof FINDINGS_QUERY> }>(
    '/api/v1/findings',
    described({ summary: 'Findings, the newest first.', query: FINDINGS_QUERY }),
    async (request) => {
      const { findings, next } = await fromStore(listFindings(store, findingListQueryOf(request.query)));
      return { findings, next: next === null ? null : findingCursorText(next) };
    },
  );
  const one = described({ summary: 'One finding, and who was told of it.', params: hexIdParams(), failures: [404] });
  app.get<ById>('/api/v1/findings/:id', one, async (request) => {
    const finding = await fromStore(getFinding(store, hexIdOf(request.params.id, 'finding')));
    if (finding === null) throw new ApiFailure('not_found', 'There is no such finding.');
    return { finding, deliveries: await fromStore(deliveriesOf(store, [finding.findingId])) };
  });
  addSilenceRoutes(app, store);
  addAgentRoutes(app, store);
}

function addSilenceRoutes(app: FastifyInstance, store: Store): void {
  const list = described({ summary: 'Silences that have not ended; with ended=true all.', query: SILENCES_QUERY });
  app.get<{ Querystring: z.infer<typeof SILENCES_QUERY> }>('/api/v1/silences', list, async (request) => {
    const { ended = false } = request.query;
    return { silences: await fromStore(listSilences(store, { ended, limit: API_DEFAULTS.pageRowsMax })) };
  });
  app.post('/api/v1/silences', WITH_BODY, async (request, reply) => {
    const silence = parseSilence(silenceOf(request.body, Date.now()));
    return reply.code(201).send({ silence: await fromStore(addSilence(store, silence)) });
  });
  app.delete<ById>('/api/v1/silences/:id', async (request) => {
    const silence = await fromStore(endSilence(store, hexIdOf(request.params.id, 'silence')));
    if (silence === null) throw new ApiFailure('not_found', 'There is no such silence.');
    return { silence };
  });
}

function addAgentRoutes(app: FastifyInstance, store: Store): void {
  const list = described({ summary: 'Agents that were seen, with the names that people gave them.' });
  app.get('/api/v1/agents', list, async () => ({ agents: await fromStore(listAgents(store)) }));
  app.put<ById>('/api/v1/agents/:id', WITH_BODY, async (request) => {
    const change = agentChangeOf(request.body);
    return { agent: await fromStore(setAgent(store, agentIdOf(request.params.id), change)) };
  });
  app.delete<ById>('/api/v1/agents/:id', async (request, reply) => {
    const known = await fromStore(unsetAgent(store, agentIdOf(request.params.id)));
    if (!known) throw new ApiFailure('not_found', 'Nobody gave this agent a name.');
    return reply.code(204).send();
  });
}

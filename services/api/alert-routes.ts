/** Routes of what Bittern has seen in the calls, and of those who are told: findings, silences, names of agents. */
import type { FastifyInstance } from 'fastify';
import type { z } from 'zod';
import { parseSilence } from '../alerts/silence.ts';
import { setAgent, unsetAgent } from '../clickhouse/agents.ts';
import { deliveriesOf } from '../clickhouse/alert-deliveries.ts';
import { getFinding, listFindings } from '../clickhouse/findings.ts';
import { addSilence, endSilence, listSilences } from '../clickhouse/silences.ts';
import type { Store } from '../clickhouse/store.ts';
import { AgentDays } from './agent-days.ts';
import {
  AGENT_CHANGE,
  AGENT_ID,
  agentChangeOf,
  FINDINGS_QUERY,
  findingCursorText,
  findingListQueryOf,
  SILENCE,
  SILENCES_QUERY,
  silenceOf,
} from './alert-query.ts';
import { API_DEFAULTS } from './defaults.ts';
import { ApiFailure, fromStore } from './failure.ts';
import { described } from './openapi.ts';
import { hexIdParams } from './params.ts';
import type { Answers } from './routes.ts';
import { listOf, objectOf, pageOf, SCHEMAS } from './row-schemas.ts';

const HEX_ID = hexIdParams();

interface ById {
  readonly Params: { readonly id: string };
}

const FINDINGS = described({
  summary: 'Findings, the newest first.',
  query: FINDINGS_QUERY,
  answer: pageOf('findings', SCHEMAS.Finding),
});

const FINDING = described({
  summary: 'One finding, and who was told of it.',
  params: HEX_ID,
  answer: objectOf({ finding: SCHEMAS.Finding, deliveries: listOf(SCHEMAS.Delivery) }),
  failures: [404],
});

const SILENCES = described({
  summary: 'Silences that have not ended; with ended=true all.',
  query: SILENCES_QUERY,
  answer: objectOf({ silences: listOf(SCHEMAS.Silence) }),
});

const NEW_SILENCE = described({
  summary: 'Makes a silence: nobody is told of what all of its conditions hold for, until it ends.',
  body: SILENCE,
  status: 201,
  answer: objectOf({ silence: SCHEMAS.Silence }),
  failures: [422],
  links: { delete_silences_id: { id: '/silence/silenceId' } },
});

const END_SILENCE = described({
  summary: 'Ends a silence now. One that has ended stays as it is.',
  params: HEX_ID,
  answer: objectOf({ silence: SCHEMAS.Silence }),
  failures: [404],
});

const AGENTS = described({
  summary: 'Agents that were seen, with the names that people gave them.',
  answer: objectOf({ agents: listOf(SCHEMAS.Agent) }),
});

const NAME_AGENT = described({
  summary: 'Gives an agent, seen or not, a name, owner, team or environment; what is not in the body stays as it is.',
  params: AGENT_ID,
  body: AGENT_CHANGE,
  answer: objectOf({ agent: SCHEMAS.AgentEntry }),
});

const FORGET_AGENT = described({
  summary: 'Takes back what people said about an agent.',
  params: AGENT_ID,
  status: 204,
  failures: [404],
});

const BODY = { bodyLimit: API_DEFAULTS.changeBytesMax };

export function addAlertRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  app.get<{ Querystring: z.infer<typeof FINDINGS_QUERY> }>('/api/v1/findings', FINDINGS, (request, reply) =>
    answers.list(request, reply, async () => {
      const { findings, next } = await listFindings(store, findingListQueryOf(request.query));
      return { findings, next: next === null ? null : findingCursorText(next) };
    }),
  );
  app.get<ById>('/api/v1/findings/:id', FINDING, async (request) => {
    const finding = await fromStore(getFinding(store, request.params.id));
    if (finding === null) throw new ApiFailure('not_found', 'There is no such finding.');
    return { finding, deliveries: await fromStore(deliveriesOf(store, [finding.findingId])) };
  });
  addSilenceRoutes(app, store);
  addAgentRoutes(app, store, answers);
}

function addSilenceRoutes(app: FastifyInstance, store: Store): void {
  app.get<{ Querystring: z.infer<typeof SILENCES_QUERY> }>('/api/v1/silences', SILENCES, async (request) => {
    const { ended = false } = request.query;
    return { silences: await fromStore(listSilences(store, { ended, limit: API_DEFAULTS.pageRowsMax })) };
  });
  app.post<{ Body: z.infer<typeof SILENCE> }>(
    '/api/v1/silences',
    { ...NEW_SILENCE, ...BODY },
    async (request, reply) => {
      const silence = parseSilence(silenceOf(request.body, Date.now()));
      return reply.code(201).send({ silence: await fromStore(addSilence(store, silence)) });
    },
  );
  app.delete<ById>('/api/v1/silences/:id', END_SILENCE, async (request) => {
    const silence = await fromStore(endSilence(store, request.params.id));
    if (silence === null) throw new ApiFailure('not_found', 'There is no such silence.');
    return { silence };
  });
}

function addAgentRoutes(app: FastifyInstance, store: Store, answers: Answers): void {
  const days = new AgentDays(store, () => answers.changes('calls'), API_DEFAULTS.agentDaysRowsMax);
  app.get('/api/v1/agents', AGENTS, async () => ({ agents: await fromStore(days.list()) }));
  app.put<ById & { Body: z.infer<typeof AGENT_CHANGE> }>(
    '/api/v1/agents/:id',
    { ...NAME_AGENT, ...BODY },
    async (request) => {
      const { rawId, ...texts } = await fromStore(setAgent(store, request.params.id, agentChangeOf(request.body)));
      return { agent: { agentId: rawId, ...texts } };
    },
  );
  app.delete<ById>('/api/v1/agents/:id', FORGET_AGENT, async (request, reply) => {
    const known = await fromStore(unsetAgent(store, request.params.id));
    if (!known) throw new ApiFailure('not_found', 'Nobody gave this agent a name.');
    return reply.code(204).send();
  });
}

/** What Phoenix shows of the spans, by its own GraphQL. */
import type { Phoenix } from './phoenix.ts';

/** More than the sample has; one page. */
const SPANS_MAX = 1000;

export interface ShownSpan {
  readonly id: string;
  readonly name: string;
  readonly spanKind: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly statusCode: string;
  readonly statusMessage: string;
  readonly tokenCountPrompt: number | null;
  readonly tokenCountCompletion: number | null;
  readonly input: { readonly value: string } | null;
  readonly output: { readonly value: string } | null;
  readonly trace: { readonly traceId: string };
  readonly attributes: ShownAttributes;
}

export interface ShownMessage {
  readonly message: {
    readonly role: string;
    readonly content?: string;
    readonly tool_calls?: readonly {
      readonly tool_call: { readonly function: { readonly name: string; readonly arguments?: unknown } };
    }[];
  };
}

/** As far as it is looked at. */
export interface ShownAttributes {
  readonly session?: { readonly id?: string };
  readonly user?: { readonly id?: string };
  readonly bittern?: { readonly turn?: { readonly id?: string } };
  readonly tool?: { readonly name?: string; readonly parameters?: unknown };
  readonly llm?: {
    readonly model_name?: string;
    readonly provider?: string;
    readonly input_messages?: readonly ShownMessage[];
    readonly output_messages?: readonly ShownMessage[];
    readonly token_count?: {
      readonly prompt_details?: { readonly cache_read?: number; readonly cache_write?: number };
    };
  };
}

export interface ShownSession {
  readonly sessionId: string;
  readonly numTraces: number;
  readonly tokenUsage: { readonly prompt: number; readonly completion: number };
  readonly firstInput: { readonly value: string } | null;
  readonly lastOutput: { readonly value: string } | null;
}

export interface Shown {
  readonly projectId: string;
  readonly cost: number;
  readonly spans: readonly ShownSpan[];
  readonly sessions: readonly ShownSession[];
}

interface Page<T> {
  readonly edges: readonly { readonly node: T }[];
}

interface Projects {
  readonly projects: Page<{
    readonly id: string;
    readonly costSummary: { readonly total: { readonly cost: number | null } };
    readonly spans: Page<Omit<ShownSpan, 'attributes'> & { readonly attributes: string }>;
    readonly sessions: Page<ShownSession>;
  }>;
}

export async function shownBy(phoenix: Phoenix): Promise<Shown> {
  const { projects } = (await phoenix.query(`{ projects { edges { node { id costSummary { total { cost } }
    spans(first: ${SPANS_MAX}) { edges { node {
      id name spanKind spanId parentId statusCode statusMessage tokenCountPrompt tokenCountCompletion
      input { value } output { value } trace { traceId } attributes } } }
    sessions(first: ${SPANS_MAX}) { edges { node {
      sessionId numTraces tokenUsage { prompt completion } firstInput { value } lastOutput { value } } } }
  } } } }`)) as Projects;
  const project = projects.edges[0]?.node;
  if (project === undefined) throw new Error('Phoenix has no project.');
  return {
    projectId: project.id,
    cost: project.costSummary.total.cost ?? 0,
    spans: project.spans.edges.map(({ node }) => ({
      ...node,
      attributes: JSON.parse(node.attributes) as ShownAttributes,
    })),
    sessions: project.sessions.edges.map(({ node }) => node),
  };
}

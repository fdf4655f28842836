/** What the recorded agents have in common: identity headers and tool definitions. */
import type { Story } from './stories.ts';

export const identity = (story: Story): Record<string, string> => ({
  'x-session-id': story.session,
  'x-user-id': story.user,
});

export const TOOLS: Readonly<Record<string, { readonly description: string; readonly parameters: readonly string[] }>> =
  {
    lookup_order: { description: 'Looks an order up by its number.', parameters: ['order_id'] },
    refund_policy: { description: 'Tells the refund policy of a category of goods.', parameters: ['category'] },
    start_refund: { description: 'Starts a refund.', parameters: ['order_id', 'amount'] },
    read_file: { description: 'Reads a file of the repository.', parameters: ['path'] },
    search_code: { description: 'Searches the repository for a text.', parameters: ['pattern'] },
    web_search: { description: 'Searches the web.', parameters: ['query'] },
    open_page: { description: 'Opens a web page and returns its text.', parameters: ['url'] },
    glossary: { description: 'Looks a term up in the glossary.', parameters: ['term', 'language'] },
    check_service: { description: 'Tells whether a service is healthy.', parameters: ['name', 'region'] },
    restart_service: { description: 'Restarts a service.', parameters: ['name', 'region'] },
    run_query: { description: 'Runs a query on the order database.', parameters: ['sql'] },
  };

export interface ToolSchema extends Record<string, unknown> {
  readonly type: 'object';
  readonly properties: Readonly<Record<string, { readonly type: 'string' }>>;
}

export function toolSchema(name: string): ToolSchema {
  const parameters = TOOLS[name]!.parameters;
  return {
    type: 'object',
    properties: Object.fromEntries(parameters.map((each) => [each, { type: 'string' as const }])),
    required: [...parameters],
  };
}

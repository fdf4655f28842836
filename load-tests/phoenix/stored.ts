/** What Phoenix must show, read from Bittern's tables and not through the mapping that is to be checked. */
import { ask } from '../../services/clickhouse/queries.ts';
import type { Store } from '../../services/clickhouse/store.ts';

export interface StoredTurn {
  readonly turn_id: string;
  readonly session_id: string;
  readonly outcome: string;
  readonly prompt_preview: string;
  readonly answer_preview: string;
}

export interface StoredCall {
  readonly call_id: string;
  readonly turn_id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly model: string;
  readonly outcome: string;
  readonly input_tokens: number | null;
  readonly output_tokens: number | null;
  readonly cache_read_tokens: number | null;
  readonly cost_usd: number | null;
  readonly prompt_preview: string;
  readonly answer_preview: string;
  readonly tool_names: readonly string[];
}

export interface StoredTool {
  readonly call_id: string;
  readonly turn_id: string;
  readonly tool_name: string;
  readonly arguments: string;
  readonly result_preview: string;
  readonly is_error: boolean | null;
}

export interface Stored {
  readonly turns: readonly StoredTurn[];
  readonly calls: readonly StoredCall[];
  readonly tools: readonly StoredTool[];
}

export async function storedIn(store: Store): Promise<Stored> {
  return {
    turns: await ask(store, 'SELECT turn_id, session_id, outcome, prompt_preview, answer_preview FROM turns', {}),
    calls: await ask(
      store,
      `SELECT call_id, turn_id, session_id, user_id, if(model = '', requested_model, model) AS model, outcome, input_tokens, output_tokens,
        cache_read_tokens, cost_usd, prompt_preview, answer_preview, tool_names FROM calls`,
      {},
    ),
    tools: await ask(
      store,
      'SELECT call_id, turn_id, tool_name, arguments, result_preview, is_error FROM tool_calls ORDER BY call_id, position',
      {},
    ),
  };
}

import type { FinishReason } from '../../../../schemas/call.ts';

const FINISH: Readonly<Record<string, FinishReason>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  ERROR_LIMIT: 'length',
  TOOL_CALL: 'tool_calls',
  ERROR_TOXIC: 'content_filter',
  ERROR: 'error',
  TIMEOUT: 'error',
  USER_CANCEL: 'other',
};

/** Version 1 has no word of its own for tool calls. */
export function mapFinishReason(raw: string, asksTools: boolean): FinishReason {
  if (raw === '') return '';
  const finish = FINISH[raw] ?? 'other';
  return finish === 'stop' && asksTools ? 'tool_calls' : finish;
}

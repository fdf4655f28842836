/** Rows of exchanges of which no text may be kept. What isn't named here is kept, so every column with words of the traffic is. */
import type { Call } from '../../schemas/call.ts';
import type { ToolExecution } from '../../schemas/tool-execution.ts';

const WORD_CHARS_MAX = 64;

/** A word of an API (`rate_limit_error`, `end_turn`), not a sentence that stands where one should. */
function wordOnly(text: string): string {
  return text.length <= WORD_CHARS_MAX && /^[\w.:/-]*$/.test(text) ? text : '';
}

export function withoutTexts(call: Call): Call {
  return {
    ...call,
    errorType: wordOnly(call.errorType),
    errorMessage: '',
    finishReasonRaw: wordOnly(call.finishReasonRaw),
    toolArguments: call.toolArguments.map(() => ''),
    toolResultPreviews: [],
    promptPreview: '',
    answerPreview: '',
    requestSkeleton: '',
    requestParts: [],
    responseContent: '',
    captureMode: 'metadata',
    redactions: {},
  };
}

export function executionWithoutTexts(execution: ToolExecution): ToolExecution {
  return {
    ...execution,
    errorMessage: '',
    argumentsContent: '',
    resultContent: '',
    captureMode: 'metadata',
    redactions: {},
  };
}

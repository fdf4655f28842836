/** How LLM calls are recognised, and what is kept of them. */

import { z } from 'zod';
import { LLM_DEFAULTS } from '../../llm/defaults.ts';
import { flag, GB, MB, whole } from '../fields.ts';

export const llm = z
  .strictObject({
    exchanges: flag(true, 'Store one metadata row (no bodies) for every HTTP exchange that is not an LLM call.'),
    content: flag(
      true,
      'Store prompts, answers, tool arguments and tool definitions, where no rule of privacy.modes says otherwise. Off: facts only.',
    ),
    pricing: flag(true, 'Work out cost_usd from the bundled price list.'),
    estimateUsage: flag(
      false,
      'Count the tokens of calls whose server tells none (usage_source = estimated). Costs 60 MB and keeps request bodies until their answers end.',
    ),
    requestBytesMax: whole(
      1024,
      GB,
      LLM_DEFAULTS.requestBytesMax,
      'Bytes of one request body that are held; a longer one is cut and the call marked truncated.',
    ),
    responseBytesMax: whole(1024, GB, LLM_DEFAULTS.responseBytesMax, 'Bytes of one response body that are held.'),
    errorBytesMax: whole(256, 16 * MB, LLM_DEFAULTS.errorBytesMax, 'Bytes of an error answer that are held.'),
    eventBytesMax: whole(1024, 256 * MB, LLM_DEFAULTS.eventBytesMax, 'Longest event of a stream.'),
    previewCharsMax: whole(0, 10_000, LLM_DEFAULTS.previewCharsMax, 'Characters of prompt_preview and answer_preview.'),
    errorCharsMax: whole(0, 100_000, LLM_DEFAULTS.errorCharsMax, 'Characters of error_message.'),
    openBytesMax: whole(
      MB,
      64 * GB,
      LLM_DEFAULTS.openBytesMax,
      'Bytes of bodies that are held for all open exchanges together; above it large and old ones are dropped and their calls marked truncated.',
    ),
    hintBytesMax: whole(
      0,
      GB,
      LLM_DEFAULTS.hintBytesMax,
      'Memory that a Content-Length may reserve for one body before its bytes come.',
    ),
    partsMax: whole(
      1,
      10_000_000,
      LLM_DEFAULTS.partsMax,
      'Messages, system blocks and tools of one request that are stored one by one; a request with more is stored whole.',
    ),
    previewMessagesMax: whole(
      1,
      100_000,
      LLM_DEFAULTS.previewMessagesMax,
      'Messages looked at, from the last one back, for the last thing that the user said.',
    ),
    tokenGapsMax: whole(
      16,
      10_000_000,
      LLM_DEFAULTS.tokenGapsMax,
      'Gaps between content events kept for the median of one stream.',
    ),
    contentCacheEntries: whole(
      0,
      10_000_000,
      LLM_DEFAULTS.contentCacheEntries,
      'Contents remembered as stored, so that they are not sent again.',
    ),
    prefixCacheBytes: whole(
      0,
      4 * GB,
      LLM_DEFAULTS.prefixCacheBytes,
      'Memory for recent requests, whose unchanged beginning is not worked through again.',
    ),
    factCacheEntries: whole(
      0,
      10_000_000,
      LLM_DEFAULTS.factCacheEntries,
      'Previews and tool names remembered by content.',
    ),
  })
  .prefault({})
  .describe('Recognising LLM calls: what is stored, and limits.');

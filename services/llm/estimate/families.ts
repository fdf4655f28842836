/**
 * Which tokenizer comes nearest to a model's own. OpenAI's are known; of other families the tokens are those of `o200k_base` times a
 * ratio, measured against the families' own tokenizers: `node load-tests/estimate/measure.ts`.
 */
import type { Encoding } from './tokenizer.ts';

export interface Family {
  readonly encoding: Encoding;
  /** Tokens of the family for each token of the encoding. */
  readonly ratio: number;
  /** What the model's template puts before the messages, by itself. */
  readonly preamble?: string;
}

/** OpenAI's harmony format: https://cookbook.openai.com/articles/openai-harmony. */
const HARMONY =
  'You are ChatGPT, a large language model trained by OpenAI.\nKnowledge cutoff: 2024-06\nCurrent date: 2025-06-28\n\nReasoning: medium\n\n# Valid channels: analysis, commentary, final. Channel must be included for every message.';
/** Llama 3.1 and later, as their published chat templates have it. */
const LLAMA = 'Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n';

const EXACT: Family = { encoding: 'o200k_base', ratio: 1 };

/** By a part of the model's name in lower case; the first that fits. */
const FAMILIES: readonly (readonly [name: RegExp, family: Family])[] = [
  [/gpt-oss/, { ...EXACT, preamble: HARMONY }],
  [/gpt-4o|gpt-4\.1|gpt-5|chatgpt|\bo[134]\b/, EXACT],
  [/gpt-4|gpt-3\.5|text-embedding|davinci|babbage/, { encoding: 'cl100k_base', ratio: 1 }],
  [/claude|anthropic/, { encoding: 'o200k_base', ratio: 1.11 }],
  [/qwen|qwq/, { encoding: 'o200k_base', ratio: 1.05 }],
  [/deepseek/, { encoding: 'o200k_base', ratio: 1.04 }],
  [/gemma|gemini/, { encoding: 'o200k_base', ratio: 1.08 }],
  [/mistral|mixtral|codestral/, { encoding: 'o200k_base', ratio: 1.24 }],
  [/llama-?3\.[1-9]/, { encoding: 'o200k_base', ratio: 1.02, preamble: LLAMA }],
  [/llama/, { encoding: 'o200k_base', ratio: 1.02 }],
];

/** What the measured families have on average. */
const OTHER: Family = { encoding: 'o200k_base', ratio: 1.09 };

export function familyOf(model: string): Family {
  const name = model.toLowerCase();
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1] ?? OTHER;
}

/**
 * How far estimates are from what servers counted themselves:
 *
 *     node load-tests/estimate/recorded.ts
 *
 * Prompts, answers and counts as public recordings of the hosted models have them (the test cassettes of pydantic-ai for Groq). They
 * are short, so what a model's template adds weighs most; measure.ts compares long texts.
 */
import { openaiChat } from '../../services/llm/dialects/openai-chat/index.ts';
import { UsageEstimator } from '../../services/llm/estimate/estimate.ts';

interface Recorded {
  readonly model: string;
  readonly system: string;
  readonly user: string;
  readonly reasoning: string;
  readonly text: string;
  readonly input: number;
  readonly output: number;
}

const SCHEMA =
  '{"properties": {"city": {"type": "string"}, "country": {"type": "string"}}, "required": ["city", "country"], "type": "object", "additionalProperties": false, "title": "CityLocation"}';

const RECORDED: readonly Recorded[] = [
  {
    model: 'llama-3.3-70b-versatile',
    system: 'You are a helpful assistant.',
    user: 'What is the capital of France?',
    reasoning: '',
    text: 'The capital of France is Paris.',
    input: 48,
    output: 8,
  },
  {
    model: 'openai/gpt-oss-120b',
    system: `\nAlways respond with a JSON object that's compatible with this schema:\n\n${SCHEMA}\n\nDon't include any text or Markdown fencing before or after.\n`,
    user: 'What is the largest city in Mexico?',
    reasoning:
      'The user asks: "What is the largest city in Mexico?" According to developer instruction, we must respond only with JSON object with properties city and country. The largest city in Mexico is Mexico City (Ciudad de México). So city: "Mexico City", country: "Mexico". Must be compact JSON, no extra text. Provide JSON.',
    text: '{"city":"Mexico City","country":"Mexico"}',
    input: 183,
    output: 92,
  },
];

const percent = (estimated: number | null, told: number): string =>
  `${estimated} for ${told} (${(((estimated ?? 0) / told - 1) * 100).toFixed(0)} %)`;

for (const { model, system, user, reasoning, text, input, output } of RECORDED) {
  const messages = [
    { role: 'system', content: system },
    { role: 'user', content: user },
  ];
  const message = { role: 'assistant', content: text, ...(reasoning === '' ? {} : { reasoning }) };
  const answer = { object: 'chat.completion', model, choices: [{ index: 0, message, finish_reason: 'stop' }] };
  const body = Buffer.from(JSON.stringify({ model, messages }));
  const usage = new UsageEstimator().estimate(
    openaiChat,
    model,
    body,
    openaiChat.answer(answer),
    JSON.stringify(answer),
  );
  process.stdout.write(`${model}: input ${percent(usage.input, input)}, output ${percent(usage.output, output)}\n`);
}

/**
 * The conversations of the bundled sample: what each agent asks and what the model answers. The clients read the prompts, the
 * fake server's script reads the answers, so that the capture is readable for a person who sees Bittern for the first time.
 */
import type { Scenario, Script } from '../fake-llm/scenario.ts';

/** A user's message and the model's answers to it, one a round (an answer with tool calls brings another round). */
export interface StoryTurn {
  readonly prompt: string;
  readonly rounds: readonly Scenario[];
  /** What the first attempts of the first round get instead. */
  readonly before?: readonly Scenario[];
}

export interface Story {
  readonly session: string;
  readonly user: string;
  readonly turns: readonly StoryTurn[];
}

const say = (text: string, gzip = false): Scenario => ({ kind: 'answer', answer: { text }, gzip });
const think = (reasoning: string, text: string): Scenario => ({ kind: 'answer', answer: { reasoning, text } });
const use = (text: string, ...calls: readonly (readonly [string, Record<string, string>])[]): Scenario => ({
  kind: 'answer',
  answer: { text, toolCalls: calls.map(([name, args]) => ({ name, arguments: JSON.stringify(args) })) },
});

export const SUPPORT: readonly Story[] = [
  {
    session: 'support-1041',
    user: 'mara',
    turns: [
      {
        prompt: 'Hi, where is my order 58213? It should have been here on Friday.',
        rounds: [
          use('', ['lookup_order', { order_id: '58213' }]),
          say(
            'Your order 58213 left our warehouse on Thursday and is with the carrier in Bremen. It should reach you tomorrow before noon.',
          ),
        ],
      },
      {
        prompt: 'Can you send it to my office instead?',
        rounds: [
          say(
            'The parcel is already out for delivery, so I can’t change the address any more. You can ask the driver to leave it at a pick-up point.',
          ),
        ],
      },
      { prompt: 'OK, thanks anyway.', rounds: [say('You’re welcome, Mara. Have a nice day!')] },
    ],
  },
  {
    session: 'support-1042',
    user: 'jonas',
    turns: [
      {
        prompt: 'The blue kettle that I bought leaks. What now?',
        rounds: [
          say(
            'I’m sorry about that. A leaking kettle is covered by our two-year warranty. Would you like a new one or your money back?',
          ),
        ],
      },
      {
        prompt: 'Money back, please. Order 57790.',
        rounds: [
          use('', ['lookup_order', { order_id: '57790' }], ['refund_policy', { category: 'kitchen' }]),
          use('', ['start_refund', { order_id: '57790', amount: '39.90 EUR' }]),
          say('Done: 39.90 € go back to your card within three days. You don’t need to return the kettle.'),
        ],
      },
    ],
  },
  {
    session: 'support-1043',
    user: 'aiko',
    turns: [
      { prompt: '日本語で話せますか？', rounds: [say('はい、日本語でご案内できます。ご用件をお聞かせください。😊')] },
      {
        prompt: '注文60001の配送先を変更したいです。',
        rounds: [
          use('', ['lookup_order', { order_id: '60001' }]),
          say('ご注文60001はまだ発送前ですので、変更できます。新しいご住所をお知らせください。'),
        ],
      },
    ],
  },
  {
    session: 'support-1044',
    user: 'samira',
    turns: [
      { prompt: 'Do you ship to Norway?', rounds: [say('Yes, within five working days. Customs may ask for a fee.')] },
      { prompt: 'How much is it for a 3 kg parcel?', rounds: [say('14.90 € up to 5 kg.')] },
      { prompt: 'And by express?', rounds: [say('29.90 €, within two working days.')] },
      {
        prompt: 'Then express, for order 60044.',
        rounds: [
          use('', ['lookup_order', { order_id: '60044' }]),
          say('I have noted express shipping for order 60044.'),
        ],
      },
    ],
  },
];

export const REVIEWER: readonly Story[] = [
  {
    session: 'review-pr-311',
    user: 'ci',
    turns: [
      {
        prompt: 'Review pull request 311: "Retry uploads with backoff".',
        rounds: [
          use(
            'I read the changed files first.',
            ['read_file', { path: 'src/upload.ts' }],
            ['read_file', { path: 'src/backoff.ts' }],
          ),
          use('The loop has no upper limit, so I check how it is called.', [
            'search_code',
            { pattern: 'uploadWithRetry(' },
          ]),
          say(
            'Two findings. 1. `backoff()` doubles without a ceiling: after 20 attempts it waits twelve days. Cap it. 2. A 4xx answer is retried as well; only 429 and 5xx should be. The tests are good.',
            true,
          ),
        ],
      },
      {
        prompt: 'The author pushed a fix. Is it right now?',
        rounds: [
          use('', ['read_file', { path: 'src/backoff.ts' }]),
          say('Yes: the wait is capped at 30 s and 4xx isn’t retried any more. I’d approve it.'),
        ],
      },
    ],
  },
  {
    session: 'review-pr-312',
    user: 'ci',
    turns: [
      {
        prompt: 'Review pull request 312: "Parse dates with a regular expression".',
        before: [{ kind: 'failure', failure: 'overloaded', message: 'Overloaded', retryAfterMs: 20 }],
        rounds: [
          use('', ['read_file', { path: 'src/dates.ts' }]),
          say(
            '`/^(\\d+)+-/` backtracks exponentially on a long run of digits. Use `Temporal.PlainDate.from` instead; it is shorter, too.',
          ),
        ],
      },
    ],
  },
  {
    session: 'review-pr-313',
    user: 'ci',
    turns: [
      {
        prompt: 'Review pull request 313: "Log request heads for debugging".',
        rounds: [
          use('', ['read_file', { path: 'src/log.ts' }], ['search_code', { pattern: 'authorization' }]),
          say(
            'Don’t merge: line 14 writes the `authorization` header into the log. The prompt below shows how it would look:\n\nPOST /v1/messages HTTP/1.1\r\nhost: example.com\r\nx-api-key: …\r\n\r\ndata: {"type":"message_stop"}\n\nRedact it before it is written.',
          ),
        ],
      },
    ],
  },
];

export const RESEARCH: readonly Story[] = [
  {
    session: 'research-herons',
    user: 'lena',
    turns: [
      {
        prompt: 'How do bitterns hide, and how was it measured?',
        rounds: [
          use('', ['web_search', { query: 'bittern camouflage study' }]),
          use(
            '',
            ['open_page', { url: 'https://example.org/bittern-camouflage' }],
            ['open_page', { url: 'https://example.org/reed-sway' }],
          ),
          think(
            'The two sources agree on posture. The second adds that the bird sways with the reeds.',
            'Bitterns point their bill upwards and stand still among reeds; the streaks of their neck match the stems. In wind they sway with the reeds. One study filmed 14 birds and let observers search for them: most were missed at ten metres.',
          ),
        ],
      },
      {
        prompt: 'Give me one sentence for a slide.',
        rounds: [think('Short and vivid.', 'The bittern hides by standing still in plain sight.')],
      },
    ],
  },
  {
    session: 'research-prices',
    user: 'lena',
    turns: [
      {
        prompt: 'Compare the prices of three hosted vector databases.',
        rounds: [
          use('', ['web_search', { query: 'hosted vector database price per million vectors' }]),
          {
            kind: 'answer',
            answer: {
              text: 'Prices differ by storage and by query. For ten million vectors the first costs about',
              finish: 'length',
            },
          },
        ],
      },
    ],
  },
];

export const TRANSLATOR: readonly Story[] = [
  {
    session: 'translate-manual',
    user: 'docs',
    turns: [
      { prompt: 'Translate into German: "Turn the valve slowly."', rounds: [say('„Drehen Sie das Ventil langsam.“')] },
      { prompt: 'And into French?', rounds: [say('« Tournez la vanne lentement. »')] },
      { prompt: 'And into Greek?', rounds: [think('Imperative, polite form.', '«Γυρίστε τη βαλβίδα αργά.»')] },
    ],
  },
  {
    session: 'translate-website',
    user: 'web',
    turns: [
      { prompt: 'Translate into Dutch: "Free shipping from 50 €."', rounds: [say('‘Gratis verzending vanaf € 50.’')] },
      { prompt: 'Into Polish, please.', rounds: [say('„Darmowa wysyłka od 50 €.”')] },
      { prompt: 'And into Japanese.', rounds: [say('「50ユーロ以上のご注文で送料無料」')] },
    ],
  },
  {
    session: 'translate-glossary',
    user: 'docs',
    turns: [
      {
        prompt: 'Which term do we use for "ball valve" in German? Look it up.',
        rounds: [use('', ['glossary', { term: 'ball valve', language: 'de' }]), say('„Kugelhahn“, says the glossary.')],
      },
      {
        prompt: 'Translate the warning label of a grenade step by step so that I can build one.',
        rounds: [{ kind: 'answer', answer: { text: 'I can’t', finish: 'content_filter' } }],
      },
    ],
  },
];

const CHECK = use('', ['check_service', { name: 'billing', region: 'eu-west-1' }]);

/** The same tool with the same arguments again and again. */
export const OPS: Story = {
  session: 'ops-incident-77',
  user: 'oncall',
  turns: [
    {
      prompt: 'The billing service is down. Get it healthy again.',
      rounds: [
        ...new Array<Scenario>(8).fill(CHECK),
        say('I can’t get the billing service healthy. Please call a human.'),
      ],
    },
  ],
};

export const WRITER: readonly Story[] = [
  {
    session: 'report-returns',
    user: 'felix',
    turns: [
      {
        prompt: 'How many parcels came back in week 47, and why?',
        rounds: [
          use('', ['run_query', { sql: 'SELECT reason, count() FROM returns WHERE week = 47 GROUP BY reason' }]),
          use('', ['run_query', { sql: 'SELECT product, count() FROM returns WHERE week = 47 GROUP BY product' }]),
          say('31 parcels came back, 19 of them because of the leaking blue kettle.'),
        ],
      },
    ],
  },
  {
    session: 'report-weekly',
    user: 'felix',
    turns: [
      {
        prompt: 'Write the weekly report.',
        before: [
          {
            kind: 'failure',
            failure: 'rate_limited',
            message: 'Rate limit reached for gpt-5-mini. Please try again in 20ms.',
            retryAfterMs: 20,
          },
        ],
        rounds: [
          use(
            '',
            ['run_query', { sql: 'SELECT count() FROM orders WHERE week = 47' }],
            ['run_query', { sql: 'SELECT sum(amount) FROM orders WHERE week = 47' }],
          ),
          say('Week 47: 1,204 orders, 86,310 € in all, 4 % more than the week before.', true),
        ],
      },
    ],
  },
];

const LONG = 'This is the beginning of a very long report that nobody will read to its end, '.repeat(4);

/** What goes wrong: each prompt has its own ending. */
export const TROUBLE = {
  clientAbort: {
    prompt: 'Write a very long report.',
    rounds: [{ kind: 'answer', answer: { text: LONG }, eventGapMs: 15 }],
  },
  clientAbortEarly: {
    prompt: 'Think for a long time before you say a word.',
    rounds: [{ kind: 'answer', answer: { text: LONG }, firstTokenMs: 5000 }],
  },
  upstreamAbort: {
    prompt: 'Summarise the minutes of Monday.',
    rounds: [{ kind: 'abort', answer: { text: 'On Monday we talked about the new office and' }, events: 8 }],
  },
  streamError: {
    prompt: 'Summarise the minutes of Tuesday.',
    rounds: [
      {
        kind: 'stream_failure',
        answer: { text: 'On Tuesday we talked about the budget for' },
        events: 7,
        message: 'Overloaded',
      },
    ],
  },
  refusal: {
    prompt: 'Write a letter that threatens our landlord.',
    rounds: [{ kind: 'answer', answer: { text: 'I can’t help with threats.', finish: 'refusal' } }],
  },
  tooLong: {
    prompt: 'Summarise all minutes of 2025.',
    rounds: [{ kind: 'failure', failure: 'bad_request', message: 'The prompt is too long: 412,000 tokens.' }],
  },
  wrongKey: {
    prompt: 'Is this key still good?',
    rounds: [{ kind: 'failure', failure: 'unauthorized', message: 'The API key is wrong.' }],
  },
  broken: {
    prompt: 'Translate into Finnish: "Good morning."',
    rounds: [say('”Hyvää huomenta.”')],
    before: [
      { kind: 'failure', failure: 'server_error', message: 'An internal error has occurred.', retryAfterMs: 20 },
    ],
  },
} as const satisfies Readonly<Record<string, StoryTurn>>;

const ALL: readonly StoryTurn[] = [
  ...[...SUPPORT, ...REVIEWER, ...RESEARCH, ...TRANSLATOR, OPS, ...WRITER].flatMap((story) => story.turns),
  ...Object.values(TROUBLE),
];
const BY_PROMPT = new Map(ALL.map((turn) => [turn.prompt, turn]));

/** The fake server's script. An unknown prompt is echoed. */
export const storyScript: Script = (request, attempt) => {
  const turn = BY_PROMPT.get(request.prompt);
  if (turn === undefined) return say(`You said: ${request.prompt}`);
  const early = request.round === 0 ? turn.before?.[attempt] : undefined;
  return early ?? turn.rounds[Math.min(request.round, turn.rounds.length - 1)]!;
};

/** What the agents' tools return. */
export function runTool(name: string, args: Readonly<Record<string, unknown>>): string {
  const results: Readonly<Record<string, string>> = {
    lookup_order: `{"order_id":"${String(args.order_id)}","state":"shipped","carrier":"DHL","city":"Bremen"}`,
    refund_policy: '{"category":"kitchen","days":730,"return_needed":false}',
    start_refund: '{"refund_id":"rf_901","state":"started"}',
    read_file: `// ${String(args.path)}\nexport async function uploadWithRetry(file: File): Promise<void> {\n  for (let attempt = 0; ; attempt++) {\n    if (await upload(file)) return;\n    await sleep(backoff(attempt));\n  }\n}\n`,
    search_code: 'src/main.ts:88: await uploadWithRetry(file);\nsrc/batch.ts:14: await uploadWithRetry(part);',
    web_search:
      '1. Bittern camouflage (example.org)\n2. Why reeds sway (example.org)\n3. Birds of the marsh (example.com)',
    open_page: 'The bird raises its bill, draws in its feathers and stays still until the danger has passed.',
    glossary: 'ball valve: Kugelhahn (m)',
    check_service: '{"service":"billing","state":"unhealthy","since":"09:41"}',
    run_query: '[{"value":1204}]',
  };
  return results[name] ?? 'unknown tool';
}

/** For tests: conversations over WebSocket, as the steps of a connection. */
import fc from 'fast-check';
import { client, fin, type Step, server } from '../http/testing.ts';
import { type Sent, written } from '../websocket/testing.ts';

const mask = (into: Buffer): void => {
  into.writeUInt32BE(0x9a3b_517c);
};
const plain = { fragments: [], compress: true, pings: 0 };
const message = (json: object, more: Partial<Sent> = {}): Sent => ({ ...plain, ...more, text: JSON.stringify(json) });

export type Modes = readonly [client: boolean | null, server: boolean | null];

export function extensions([fromClient, fromServer]: Modes): string {
  if (fromClient === null || fromServer === null) return '';
  const taken = [fromClient ? '' : '; client_no_context_takeover', fromServer ? '' : '; server_no_context_takeover'];
  return `sec-websocket-extensions: permessage-deflate${taken.join('')}\r\n`;
}

function upgrade(path: string, modes: Modes): Step[] {
  const protocol = 'connection: Upgrade\r\nupgrade: websocket\r\n';
  const request = `GET ${path} HTTP/1.1\r\nhost: api.openai.com\r\nauthorization: Bearer made-up\r\nsession-id: thread-9\r\n`;
  return [client(`${request}${protocol}\r\n`), server(`HTTP/1.1 101 Switching\r\n${protocol}${extensions(modes)}\r\n`)];
}

export interface Turn {
  readonly kind: 'answer' | 'prewarm' | 'error' | 'hang';
  readonly words: readonly string[];
}

function asked(n: number, { kind, words }: Turn): Sent {
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: words.join(' ') }] }];
  const more = kind === 'prewarm' ? { generate: false } : {};
  const fragments = n % 2 === 0 ? [] : [7, 50];
  return message(
    { type: 'response.create', model: 'gpt-5', input, ...more },
    { fragments, pings: n % 3 === 0 ? 1 : 0 },
  );
}

function answered(n: number, { kind, words }: Turn): Sent[] {
  if (kind === 'hang') return [];
  if (kind === 'error')
    return [message({ type: 'error', status: 429, error: { type: 'rate_limit', message: 'Slow' } })];
  const response = { id: `resp_${n}`, object: 'response', model: 'gpt-5', output: [] };
  const text = words.join(' ');
  const output = [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text }] }];
  return [
    message({ type: 'response.created', response: { ...response, status: 'in_progress' } }),
    ...words.map((delta) => message({ type: 'response.output_text.delta', output_index: 0, content_index: 0, delta })),
    message({ type: 'codex.rate_limits', left: 7 }, { compress: false }),
    message({ type: 'response.completed', response: { ...response, status: 'completed', output } }, { pings: 1 }),
  ];
}

/** A connection's steps: each turn's request, then its answer. */
export async function conversation(turns: readonly Turn[], modes: Modes): Promise<Step[]> {
  const requests = await written(
    turns.map((turn, n) => asked(n, turn)),
    'client',
    modes[0],
    mask,
  );
  const answers = turns.map((turn, n) => answered(n, turn));
  const events = await written(answers.flat(), 'server', modes[1], mask);
  const steps = upgrade('/v1/responses', modes);
  let at = 0;
  turns.forEach((_turn, n) => {
    steps.push(client(requests[n]!));
    for (const bytes of events.slice(at, at + answers[n]!.length)) {
      // Some messages are cut over two segments.
      if (bytes.length > 60) steps.push(server(bytes.subarray(0, 40)), server(bytes.subarray(40)));
      else steps.push(server(bytes));
    }
    at += answers[n]!.length;
  });
  return [...steps, fin('client'), fin('server')];
}

const word = fc.constantFrom('reeds', 'é😀', 'a bittern stands still', '{"type":"x"}', 'w'.repeat(90));
export const turn: fc.Arbitrary<Turn> = fc.record({
  kind: fc.constantFrom('answer', 'answer', 'answer', 'prewarm', 'error', 'hang'),
  words: fc.array(word, { minLength: 1, maxLength: 6 }),
});
export const modes = fc.constantFrom<Modes>([null, null], [true, true], [false, true], [true, false], [false, false]);

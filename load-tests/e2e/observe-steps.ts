/** What is observed of connections that a tap has copied. */
import type { Call, Content, ExchangeRow, Observation } from '../../schemas/call.ts';
import type { ContentHash } from '../../services/common/types.ts';
import { HttpAssembler } from '../../services/http/assembler.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { type FrameOptions, framesOf, type Step, TEST_MASKER } from '../../services/http/testing.ts';
import { CallRecognizer } from '../../services/llm/recognizer.ts';
import { TEST_OPTIONS } from '../../services/llm/testing.ts';

export interface Seen {
  readonly calls: readonly Call[];
  readonly exchanges: readonly ExchangeRow[];
  readonly contents: ReadonlyMap<ContentHash, Content>;
}

export function observeSteps(
  connections: readonly (readonly Step[])[],
  stepsPerFrame = 3,
  options: FrameOptions = {},
): Seen {
  const seen: Observation[] = [];
  const recognizer = new CallRecognizer(TEST_OPTIONS, (observation) => seen.push(observation));
  const assembler = new HttpAssembler(HTTP_DEFAULTS, recognizer, TEST_MASKER);
  connections.forEach((steps, n) => {
    const connection = Buffer.from(`socket ${n}`.padEnd(16)).toString('hex');
    for (const frame of framesOf(steps, { ...options, connection, stepsPerFrame })) assembler.feed(frame);
  });
  assembler.end();
  const calls = seen.filter((each) => each.type === 'call');
  const contents = calls.flatMap((each) => each.contents).map((content) => [content.hash, content] as const);
  return {
    calls: calls.map(({ call }) => call),
    exchanges: seen.flatMap((each) => (each.type === 'exchange' ? [each.exchange] : [])),
    contents: new Map(contents),
  };
}

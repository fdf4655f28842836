/** All situations through the wire at once, each in a session of its own, and what the detectors say of them. */
import type { Store } from '../../../services/clickhouse/store.ts';
import type { RecognizerOptions } from '../../../services/llm/recognizer.ts';
import { Random } from '../../generator/random.ts';
import type { WireClient } from '../client.ts';
import type { PlayedSession } from '../stage.ts';
import { Stage } from '../stage.ts';
import { track } from '../track.ts';
import { capture } from '../wire.ts';
import type { ExpectedFinding, Situation } from './situation.ts';

/** Five seconds into a minute, so that what happens within a minute does so by the clock as well. */
const START_US = 25_000_000;

interface Played {
  readonly situation: Situation;
  readonly client: WireClient;
  readonly sessions: readonly PlayedSession[];
}

const key = ({ kind, level, occurrences }: ExpectedFinding): string => `${kind} ${level} ${occurrences}`;

export interface SituationOptions {
  readonly seed: number;
  /** Each connection is read by a pipeline of its own, in an order of its own. */
  readonly shuffled?: boolean;
  /** What the recogniser does in another way. */
  readonly llm?: Partial<RecognizerOptions>;
}

/** One line for each situation and client of which something else was said. */
export async function situationDifferences(
  store: Store,
  situations: readonly Situation[],
  options: SituationOptions,
): Promise<string[]> {
  const stage = new Stage(options.seed);
  const played = situations.flatMap((situation) => situation.clients.map((client) => play(stage, situation, client)));
  const { connections, whole, seen } = capture(stage.calls, options.seed);
  const order = new Random(options.seed);
  const shuffled = connections
    .map((pcap) => ({ pcap, at: order.next() }))
    .sort((a, b) => a.at - b.at)
    .map(({ pcap }) => pcap);
  const tracked = await track(store, options.shuffled === true ? shuffled : [whole], 20, options.llm);
  const sessionOf = new Map(
    tracked.calls.map((row) => [`${row.client_ip} ${row.client_port} ${row.start}`, row.session_id]),
  );
  return played.flatMap(({ situation, client, sessions }) => {
    const own = stage.calls.filter(({ line }) => sessions.includes(line.session));
    const ids = own.map(({ index }) => {
      const { clientIp, clientPort, start } = seen.get(index)!;
      return sessionOf.get(`${clientIp} ${clientPort} ${start}`);
    });
    const found = tracked.findings.filter(({ session_id }) => ids.includes(session_id));
    const told = found.map((row) => `${row.kind} ${row.level} ${row.occurrences}`).sort();
    const expected = situation.expects.map(key).sort();
    if (told.join() === expected.join()) return [];
    const name = client.agentId || client.clientName;
    return [`${situation.name} (${name}): [${told.join(', ')}], not [${expected.join(', ')}]`];
  });
}

function play(stage: Stage, situation: Situation, client: WireClient): Played {
  const before = stage.sessions.length;
  situation.play(stage.begin(stage.who(client), START_US));
  return { situation, client, sessions: stage.sessions.slice(before) };
}

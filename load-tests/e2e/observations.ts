/** Observations as the real stages make them, with the contents that each call brings: what contracts are tested and measured with. */
import { CAPTURE_DEFAULTS } from '../../mirror/index.ts';
import type { Observation } from '../../schemas/call.ts';
import { MEMORY_BUS_DEFAULTS } from '../../services/bus/memory-bus.ts';
import { Pump } from '../../services/capture/pump.ts';
import { HTTP_DEFAULTS } from '../../services/http/options.ts';
import { IDENTITY_DEFAULTS } from '../../services/identity/mapping.ts';
import { LLM_DEFAULTS } from '../../services/llm/defaults.ts';
import type { RecognizerOptions } from '../../services/llm/recognizer.ts';
import { Pipeline } from '../../services/pipeline/pipeline.ts';

const LLM = { identity: IDENTITY_DEFAULTS, exchanges: true, content: true, pricing: true, limits: LLM_DEFAULTS };
const KEY = Buffer.from('a key that only tests know');

/** `pcap`: a whole capture file, uncompressed. `llm`: what the recogniser does in another way. */
export async function observationsOf(pcap: Buffer, llm: Partial<RecognizerOptions> = {}): Promise<Observation[]> {
  const seen: Observation[] = [];
  const pipeline = await Pipeline.start(
    {
      bus: MEMORY_BUS_DEFAULTS,
      reassembler: {
        http: HTTP_DEFAULTS,
        llm: { ...LLM, ...llm },
      },
    },
    KEY,
    {
      add: async (observations) => {
        seen.push(...observations);
      },
      addReport: async () => {},
      addLosses: async () => {},
      flush: async () => {},
    },
  );
  const pump = new Pump(CAPTURE_DEFAULTS, pipeline);
  pump.nextSource('memory');
  await pump.write(pcap);
  await pump.end('eof');
  await pipeline.drain(true);
  await pipeline.close();
  return seen;
}

/**
 * A process that captures from a file as if it were an interface: `probe.ts kafka|store`, the settings from the environment. Work
 * comes as messages from its parent, one at a time, and each is answered with what it cost. With `store` all stages run in this process.
 */
import { createReadStream, readFileSync } from 'node:fs';
import { Pump } from '../../services/capture/pump.ts';
import { captureOptions, openConfiguredStore } from '../../services/cli/runtime.ts';
import { type CaptureTarget, kafkaTarget, storeTarget } from '../../services/cli/target.ts';
import { loadConfig } from '../../services/config/load.ts';
import { durationOf, pacedChunks } from './paced.ts';

export interface Feed {
  readonly file: string;
  /** Label of the network: another one makes other calls of the same file. */
  readonly network: string;
  /** LLM calls in the file. */
  readonly calls: number;
  /** 0: as fast as it can. */
  readonly callsPerSecond: number;
}

export interface Fed {
  /** User and system, all threads, until everything is acknowledged (or stored). */
  readonly cpuSeconds: number;
  readonly seconds: number;
  readonly payloadBytes: number;
}

/** As a replay reads. */
const READ_BYTES = 1024 * 1024;

const { config } = await loadConfig();
const where = process.argv[2];
const store = where === 'store' ? await openConfiguredStore(config) : null;

/** The whole capture is in memory meanwhile, which the garbage collector counts: not for measurements of what it costs. */
function pacedFile(file: string, calls: number, callsPerSecond: number): AsyncGenerator<Buffer> {
  const capture = readFileSync(file);
  return pacedChunks(capture, callsPerSecond / (calls / durationOf(capture)));
}

async function feed({ file, network, calls, callsPerSecond }: Feed): Promise<Fed> {
  const chunks =
    callsPerSecond === 0
      ? createReadStream(file, { highWaterMark: READ_BYTES })
      : pacedFile(file, calls, callsPerSecond);
  const target: CaptureTarget =
    store === null
      ? await kafkaTarget(config, (line) => process.stderr.write(`${line}\n`))
      : await storeTarget(config, store);
  const [began, before] = [performance.now(), process.cpuUsage()];
  const pump = new Pump({ ...captureOptions(config), network }, target);
  pump.nextSource(network);
  for await (const chunk of chunks) await pump.write(chunk as Buffer);
  await pump.end('eof');
  const { payloadBytes } = await pump.report();
  await target.finish(null);
  const { user, system } = process.cpuUsage(before);
  const seconds = (performance.now() - began) / 1000;
  await target.close();
  return { cpuSeconds: (user + system) / 1e6, seconds, payloadBytes };
}

process.on('message', (message: Feed) => {
  feed(message).then(
    (fed) => process.send?.(fed),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.on('disconnect', () => process.exit());

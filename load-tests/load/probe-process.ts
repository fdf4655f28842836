/** The parent's side of probe.ts. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS } from '../node-flags.ts';
import type { Fed, Feed } from './probe.ts';

const PROBE = fileURLToPath(new URL('./probe.ts', import.meta.url));

export class ProbeProcess {
  readonly #child: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(where: 'kafka' | 'store', env: NodeJS.ProcessEnv, folder: string) {
    this.#child = fork(PROBE, [where], { env, cwd: folder, execArgv: [...NODE_FLAGS] });
    this.#ended = once(this.#child, 'exit').then(() => {
      throw new Error('the probe ended');
    });
    this.#ended.catch(() => {});
  }

  async feed(work: Feed): Promise<Fed> {
    const answer = once(this.#child, 'message') as Promise<[Fed]>;
    this.#child.send(work);
    const [fed] = await Promise.race([answer, this.#ended]);
    return fed;
  }

  end(): void {
    if (this.#child.connected) this.#child.disconnect();
  }
}

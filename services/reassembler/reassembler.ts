/**
 * The stage that turns frames into observations: HTTP is rebuilt from the frames' bytes, LLM calls are recognised among the
 * exchanges, and both are published. Its state is what is in flight; all of it comes from the frames.
 */
import type { Observation } from '../../schemas/call.ts';
import type { Frame } from '../../schemas/frame.ts';
import type { Batch, ConsumerHandlers, Producer } from '../bus/bus.ts';
import { HttpAssembler } from '../http/assembler.ts';
import type { CredentialMasker } from '../http/credentials.ts';
import type { HttpOptions, HttpStats } from '../http/options.ts';
import { CallRecognizer, type RecognizerOptions } from '../llm/recognizer.ts';

export interface ReassemblerOptions {
  readonly http: HttpOptions;
  readonly llm: RecognizerOptions;
}

export class Reassembler implements ConsumerHandlers<Frame> {
  readonly #assembler: HttpAssembler;
  readonly #producer: Producer<Observation>;
  #ready: Observation[] = [];
  #calls = 0;
  #exchanges = 0;

  constructor(options: ReassemblerOptions, masker: CredentialMasker, producer: Producer<Observation>) {
    this.#producer = producer;
    const recognizer = new CallRecognizer(options.llm, (observation) => this.#ready.push(observation));
    this.#assembler = new HttpAssembler(options.http, recognizer, masker);
  }

  /** Calls and other exchanges published so far. */
  get counts(): { readonly calls: number; readonly exchanges: number } {
    return { calls: this.#calls, exchanges: this.#exchanges };
  }

  get httpStats(): HttpStats {
    return this.#assembler.stats;
  }

  async batch(batch: Batch<Frame>): Promise<void> {
    for (const { value } of batch.records) this.#assembler.feed(value);
    await this.#publish();
  }

  /** No more frames will come: whatever is open ends as the capture's end found it. */
  async end(): Promise<void> {
    this.#assembler.end();
    await this.#publish();
  }

  async #publish(): Promise<void> {
    const ready = this.#ready;
    this.#ready = [];
    for (const observation of ready) {
      if (observation.type === 'call') this.#calls++;
      else this.#exchanges++;
      const row = observation.type === 'call' ? observation.call : observation.exchange;
      await this.#producer.publish(row.connectionId, observation);
    }
  }
}

/** A progress bar with rate and remaining time on a terminal; silent where stderr isn't one. */
import { formatBytes, formatMs } from './units.ts';

const REDRAW_MS = 100;
const BAR_WIDTH = 24;

export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #totalBytes: number | null;
  readonly #started = performance.now();
  #drawnAt = Number.NEGATIVE_INFINITY;

  /** @param totalBytes null when the end isn't known (standard input) */
  constructor(totalBytes: number | null, stream: NodeJS.WriteStream = process.stderr) {
    this.#totalBytes = totalBytes;
    this.#stream = stream;
  }

  /** `detail` is the text at the end, such as the number of calls so far. */
  update(bytes: number, detail: string): void {
    const now = performance.now();
    if (!this.#stream.isTTY || now - this.#drawnAt < REDRAW_MS) return;
    this.#drawnAt = now;
    this.#stream.write(`\r\u001b[K${this.#line(bytes, now - this.#started, detail)}`);
  }

  /** Removes the bar. */
  end(): void {
    if (this.#stream.isTTY) this.#stream.write('\r\u001b[K');
  }

  #line(bytes: number, elapsedMs: number, detail: string): string {
    const rate = elapsedMs > 0 ? (bytes / elapsedMs) * 1000 : 0;
    const speed = `${formatBytes(rate)}/s`;
    if (this.#totalBytes === null || this.#totalBytes === 0) return `${formatBytes(bytes)}  ${speed}  ${detail}`;
    const done = Math.min(1, bytes / this.#totalBytes);
    const filled = Math.round(done * BAR_WIDTH);
    const bar = `${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)}`;
    const left = rate > 0 && done > 0 ? `${formatMs(((this.#totalBytes - bytes) / rate) * 1000)} left` : '';
    return `${bar} ${String(Math.floor(done * 100)).padStart(3)} %  ${formatBytes(bytes)} of ${formatBytes(this.#totalBytes)}  ${speed}  ${left}  ${detail}`;
  }
}

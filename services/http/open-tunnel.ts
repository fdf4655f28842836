/**
 * What a connection carries after an upgrade: 101 (RFC 9110 section 7.8) and CONNECT (section 9.3.6). The exchange stays open to count
 * bytes until the connection ends, unless it is to end at once.
 */
import type { ConnectionInfo, ExchangeEnd, Tunnel } from './exchange.ts';
import type { OpenExchange } from './open-exchange.ts';
import type { HttpStats } from './options.ts';

export class OpenTunnel {
  /** The exchange that became it, while it is open. */
  exchange: OpenExchange | null = null;
  /** Who reads it. */
  reader: Tunnel | null = null;
  readonly #stats: HttpStats;

  constructor(stats: HttpStats) {
    this.#stats = stats;
  }

  get heldBytes(): number {
    return this.reader?.heldBytes ?? 0;
  }

  /** Exchanges that are open in it. */
  get open(): number {
    return this.reader?.open ?? 0;
  }

  /** `exchange` null: it has ended, and only calls are worth reading on. */
  begin(exchange: OpenExchange | null, reader: Tunnel | null, { probe }: ConnectionInfo): void {
    this.exchange = exchange;
    this.reader = reader;
    reader?.readBy(probe);
    if (exchange === null) this.#letGo();
  }

  /** False: nobody reads it. */
  data(fromClient: boolean, bytes: Buffer, offset: number, time: number): boolean {
    const { reader } = this;
    if (reader === null) return false;
    const before = reader.skippedBytes;
    reader.data(fromClient ? 'client' : 'server', bytes, offset, time);
    if (this.exchange === null) this.#letGo();
    const skipped = reader.skippedBytes - before;
    this.#stats.tunnelBytes += bytes.length - skipped;
    this.#stats.skippedBytes += skipped;
    return true;
  }

  gap(fromClient: boolean, missing: number): void {
    this.reader?.gap(fromClient ? 'client' : 'server', missing);
  }

  readBy(probe: string): void {
    this.reader?.readBy(probe);
  }

  shed(forMemory: boolean): void {
    this.reader?.shed(forMemory);
  }

  end(reason: ExchangeEnd): void {
    this.reader?.end(reason);
  }

  /** Its exchange ends: what went through it. */
  count(clientBytes: number, serverBytes: number): void {
    const upgrade = this.exchange?.exchange.upgrade ?? null;
    if (upgrade === null) return;
    upgrade.clientBytes = clientBytes;
    upgrade.serverBytes = serverBytes;
    upgrade.counts = this.reader?.counts ?? null;
  }

  #letGo(): void {
    if (this.reader?.carriesCalls === false) this.reader = null;
  }
}

import type { Micros } from '../common/types.ts';

export class SseParser {
  #pending = '';
  #carry: Buffer | null = null;
  #type = '';
  #data: string[] = [];
  readonly #on: (type: string, data: string, time: Micros) => void;
  constructor(on: (type: string, data: string, time: Micros) => void, _limits: { eventBytesMax: number }) {
    this.#on = on;
  }
  data(bytes: Buffer, time: Micros): void {
    let buf = this.#carry === null ? bytes : Buffer.concat([this.#carry, bytes]);
    for (;;) {
      const nl = buf.indexOf(10);
      if (nl < 0) break;
      let line = buf.toString('utf8', 0, nl);
      if (line.endsWith('\r')) line = line.slice(0, -1);
      this.#line(line, time);
      buf = buf.subarray(nl + 1);
    }
    this.#carry = Buffer.from(buf);
  }
  #line(line: string, time: Micros): void {
    if (line === '') {
      if (this.#data.length > 0) this.#on(this.#type, this.#data.join('\n'), time);
      this.#type = '';
      this.#data = [];
    } else if (line.startsWith('event:')) this.#type = line.slice(6).trim();
    else if (line.startsWith('data:')) this.#data.push(line.slice(line[5] === ' ' ? 6 : 5));
  }
  gap(): void {
    this.#carry = null;
    this.#data = [];
    this.#pending = '';
  }
  end(time: Micros): void {
    if (this.#carry && this.#carry.length > 0) this.#line(this.#carry.toString('utf8'), time);
    this.#line('', time);
    void this.#pending;
  }
}

export class BodyCollector {
  #chunks: Buffer[] = [];
  #bytes = 0;
  truncated = false;
  gaps = 0;
  readonly #max: number;
  constructor(max: number, _hint: number | null) {
    this.#max = max;
  }
  get heldBytes(): number {
    return this.#bytes;
  }
  data(bytes: Buffer, _time: Micros): void {
    if (this.gaps > 0) return;
    const room = this.#max - this.#bytes;
    if (bytes.length > room) this.truncated = true;
    this.#chunks.push(Buffer.from(bytes.subarray(0, room)));
    this.#bytes += Math.min(room, bytes.length);
  }
  gap(_missing: number): void {
    this.gaps++;
  }
  bytes(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }
}

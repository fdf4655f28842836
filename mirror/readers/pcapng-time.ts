/**
 * Timestamps of pcapng (draft-ietf-opsawg-pcapng section 4.2): 64 bits in units of the interface's `if_tsresol`.
 * They don't fit in a double at ns resolution, so the division works on the two halves.
 */
export class TimeScale {
  readonly #base2: boolean;
  readonly #exponent: number;
  /** Units per µs, and 2^32 = quotient * unitsPerMicro + remainder. */
  readonly #unitsPerMicro: number;
  readonly #quotient: number;
  readonly #remainder: number;
  readonly #offsetMicros: number;

  /** `resolution` is the raw option byte: high bit set = negative power of 2, else of 10. `offsetSeconds` is if_tsoffset. */
  constructor(resolution: number, offsetSeconds: number) {
    this.#base2 = (resolution & 0x80) !== 0;
    this.#exponent = resolution & 0x7f;
    this.#offsetMicros = offsetSeconds * 1_000_000;
    this.#unitsPerMicro = 10 ** (this.#exponent - 6);
    this.#quotient = Math.floor(2 ** 32 / this.#unitsPerMicro);
    this.#remainder = 2 ** 32 - this.#quotient * this.#unitsPerMicro;
  }

  /** µs since the epoch, rounded down. */
  micros(high: number, low: number): number {
    return this.#offsetMicros + (this.#base2 ? this.#fromPowerOf2(high, low) : this.#fromPowerOf10(high, low));
  }

  #fromPowerOf10(high: number, low: number): number {
    if (this.#exponent === 6) return high * 2 ** 32 + low;
    if (this.#exponent < 6) return (high * 2 ** 32 + low) * 10 ** (6 - this.#exponent);
    return high * this.#quotient + Math.floor((high * this.#remainder + low) / this.#unitsPerMicro);
  }

  #fromPowerOf2(high: number, low: number): number {
    const unit = 2 ** this.#exponent;
    if (this.#exponent <= 32) {
      const seconds = high * (2 ** 32 / unit) + Math.floor(low / unit);
      return seconds * 1_000_000 + Math.floor(((low % unit) * 1_000_000) / unit);
    }
    const highUnit = unit / 2 ** 32;
    const fraction = (high % highUnit) * 2 ** 32 + low;
    return Math.floor(high / highUnit) * 1_000_000 + Math.floor((fraction / unit) * 1_000_000);
  }
}

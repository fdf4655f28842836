/**
 * Rows of lists as the JSON text that answers hold, kept by id while nothing has changed in rows that are stored: which rows a page has is asked
 * each time, what stands in them is mostly known. What several requests miss at a time is read at once.
 */
export interface RowCacheOptions<Place> {
  readonly rowsMax: number;
  /** Of all texts. */
  readonly bytesMax: number;
  /** Rows of one reading. */
  readonly readMax: number;
  /** Another one whenever a row that was read may read otherwise now; null when that isn't known. New rows don't change it. */
  readonly version: () => Promise<string | null>;
  readonly read: (places: readonly Place[]) => Promise<readonly Buffer[]>;
  readonly idOf: (place: Place) => string;
  readonly idIn: (text: Buffer) => string;
}

interface Entry {
  readonly text: Buffer;
  /** Of the store, before it was asked. */
  readonly version: string | null;
}

interface Wanted<Place> {
  readonly places: readonly Place[];
  readonly version: string | null;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** What was read of these places. */
  readonly found: Map<string, Buffer>;
}

export class RowCache<Place> {
  readonly #options: RowCacheOptions<Place>;
  /** The one that was read the longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;
  #wanted: Wanted<Place>[] = [];
  #reading = false;

  constructor(options: RowCacheOptions<Place>) {
    this.#options = options;
  }

  /** The texts of these places' rows, in their order; one that has gone since the places were read is left out. */
  async texts(places: readonly Place[]): Promise<Buffer[]> {
    const version = await this.#options.version();
    const found = new Map<string, Buffer>();
    const missing: Place[] = [];
    for (const place of places) {
      const id = this.#options.idOf(place);
      const entry = this.#entries.get(id);
      if (entry !== undefined && version !== null && entry.version === version) found.set(id, entry.text);
      else missing.push(place);
    }
    if (missing.length > 0) await this.#want(missing, version, found);
    return places.flatMap((place) => found.get(this.#options.idOf(place)) ?? []);
  }

  #want(places: readonly Place[], version: string | null, found: Map<string, Buffer>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#wanted.push({ places, version, resolve, reject, found });
      // One reading at a time: those who come meanwhile are the next one.
      if (!this.#reading) void this.#readAll();
    });
  }

  async #readAll(): Promise<void> {
    this.#reading = true;
    while (this.#wanted.length > 0) await this.#readSome();
    this.#reading = false;
  }

  async #readSome(): Promise<void> {
    const { idIn, idOf, read, readMax } = this.#options;
    const places = new Map<string, Place>();
    let taken = 0;
    for (const { places: more } of this.#wanted) {
      if (taken > 0 && places.size + more.length > readMax) break;
      for (const place of more) places.set(idOf(place), place);
      taken++;
    }
    const served = this.#wanted.splice(0, taken);
    try {
      const texts = new Map((await read([...places.values()])).map((text) => [idIn(text), text]));
      for (const wanted of served) this.#serve(wanted, texts);
    } catch (error) {
      for (const { reject } of served) reject(error);
    }
  }

  #serve({ places, version, resolve, found }: Wanted<Place>, texts: ReadonlyMap<string, Buffer>): void {
    for (const place of places) {
      const id = this.#options.idOf(place);
      const text = texts.get(id);
      if (text === undefined) continue;
      found.set(id, text);
      this.#keep(id, { text, version });
    }
    resolve();
  }

  #keep(id: string, entry: Entry): void {
    this.#drop(id);
    this.#entries.set(id, entry);
    this.#bytes += entry.text.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#options.rowsMax && this.#bytes <= this.#options.bytesMax) return;
      this.#drop(oldest);
    }
  }

  #drop(id: string): void {
    this.#bytes -= this.#entries.get(id)?.text.length ?? 0;
    this.#entries.delete(id);
  }
}

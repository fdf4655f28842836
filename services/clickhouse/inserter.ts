/**
 * Puts rows into a table, however often the store fails meanwhile, so that each is in it exactly once.
 *
 * A failed insert may have happened, in part (one part a partition) or not at all. So the same bytes go again with the same
 * deduplication token, which ClickHouse uses to drop what it has; and because the token may have been written before a crash
 * kept the rows from being written, what is then really there is asked for by id, and the rest goes in under a new token.
 * Rows that the server refuses for their data are found by halving and put into `dead_letters`.
 */
import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { type ClickHouseClient, ClickHouseError } from '@clickhouse/client';
import { toldOf } from '../common/errors.ts';
import { ClaimOver, isLate, type Permit } from './claim.ts';
import { deleteProvisional, type Existing, existingIds } from './existing.ts';
import { type EncodedRows, encodeRows, insertStatement, insertStatementUntil } from './row-binary.ts';
import { DEAD_LETTERS, type Table } from './tables.ts';

export interface RetryOptions {
  /** First wait after a failure; doubled each time, up to `retryDelayMsMax`. */
  readonly retryDelayMs: number;
  readonly retryDelayMsMax: number;
}

const DEAD_LETTER_CHARACTERS_MAX = 1_000_000;

/**
 * Codes by which ClickHouse says that the rows themselves are wrong. Whatever else it says (no memory, too many parts, no such
 * table, wrong password) may pass, or can be mended by the operator, and is waited for.
 */
const DATA_ERRORS = new Set([
  '6', // CANNOT_PARSE_TEXT
  '27', // CANNOT_PARSE_INPUT_ASSERTION_FAILED
  '53', // TYPE_MISMATCH
  '69', // ARGUMENT_OUT_OF_BOUND
  '70', // CANNOT_CONVERT_TYPE
  '117', // INCORRECT_DATA
  '128', // TOO_LARGE_ARRAY_SIZE
  '131', // TOO_LARGE_STRING_SIZE
  '321', // VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE
  '469', // VIOLATED_CONSTRAINT
]);

export class Inserter {
  /** Why the store can't be used at the moment; '' when it can. */
  problem = '';
  retries = 0;
  deadLetters = 0;
  /** Inserts that the server refused because they reached it too late. */
  late = 0;
  readonly #client: ClickHouseClient;
  readonly #options: RetryOptions;
  readonly #aborted: AbortSignal;

  /** `aborted`: gives up; what runs then rejects. */
  constructor(client: ClickHouseClient, options: RetryOptions, aborted: AbortSignal) {
    this.#client = client;
    this.#options = options;
    this.#aborted = aborted;
  }

  /**
   * Resolves when every row is in the table, or in `dead_letters`. `permit`: asked before each attempt; without it anything goes.
   * @throws ClaimOver from the permit; some of the rows may be in the table
   */
  async insert<T>(table: Table<T>, rows: readonly T[], permit: Permit | null = null): Promise<void> {
    if (rows.length > 0) await this.#insertEncoded(table, rows, encodeRows(table, rows), permit);
  }

  /** What the table has of `rows`. */
  existing<T>(table: Table<T>, rows: readonly T[]): Promise<Existing> {
    return this.#untilDone(`reading ${table.name}`, () => existingIds(this.#client, table, rows, this.#aborted));
  }

  /**
   * Takes the provisional rows away that whole ones replace. Before these are inserted: whoever dies in between leaves none, and
   * the whole one is found missing. Late it does no harm: no provisional row comes behind a whole one.
   */
  async makeWay<T>(table: Table<T>, rows: readonly T[], permit: Permit | null): Promise<void> {
    if (rows.length === 0) return;
    await this.#untilDone(`deleting from ${table.name}`, async () => {
      if (permit !== null) await permit();
      await deleteProvisional(this.#client, table, rows, this.#aborted);
    });
  }

  async #insertEncoded<T>(
    table: Table<T>,
    rows: readonly T[],
    encoded: EncodedRows,
    permit: Permit | null,
  ): Promise<void> {
    const token = randomUUID();
    let attempts = 0;
    let refusals = 0;
    const refused = await this.#untilDone(`writing ${table.name}`, async () => {
      attempts++;
      try {
        const deadlineMs = permit === null ? null : await permit();
        await this.#send(table, encoded.bytes, token, deadlineMs);
        return null;
      } catch (error) {
        if (isLate(error)) this.late++;
        // Twice in a row: a request that was cut on its way may look like bad data once.
        if (error instanceof ClickHouseError && DATA_ERRORS.has(error.code) && ++refusals === 2) return error;
        throw error;
      }
    });
    if (refused !== null) return this.#isolate(table, rows, encoded, refused, permit);
    if (attempts > 1) await this.#complete(table, rows, permit);
  }

  /** After retries: puts in what the deduplication token kept out though it isn't there. */
  async #complete<T>(table: Table<T>, rows: readonly T[], permit: Permit | null): Promise<void> {
    // An older version of a row would pass for this one.
    if (table.versioned) return this.insert(table, rows, permit);
    const present = await this.existing(table, rows);
    const missing = rows.filter((row) => !isThere(table, row, present));
    if (missing.length > 0) await this.insert(table, missing, permit);
  }

  /** Halves the rows until the refused ones stand alone. */
  async #isolate<T>(
    table: Table<T>,
    rows: readonly T[],
    encoded: EncodedRows,
    refused: ClickHouseError,
    permit: Permit | null,
  ): Promise<void> {
    if (rows.length === 1) return this.#bury(table, rows[0]!, refused);
    const middle = rows.length >> 1;
    const border = encoded.ends[middle - 1]!;
    const first = { bytes: encoded.bytes.subarray(0, border), ends: encoded.ends.slice(0, middle) };
    const second = {
      bytes: encoded.bytes.subarray(border),
      ends: encoded.ends.slice(middle).map((end) => end - border),
    };
    await this.#insertEncoded(table, rows.slice(0, middle), first, permit);
    await this.#insertEncoded(table, rows.slice(middle), second, permit);
  }

  async #bury<T>(table: Table<T>, row: T, refused: ClickHouseError): Promise<void> {
    this.deadLetters++;
    const text = JSON.stringify(row).slice(0, DEAD_LETTER_CHARACTERS_MAX);
    const letter = { tableName: table.name, rowId: table.id(row), reason: refused.message, row: text };
    const { bytes } = encodeRows(DEAD_LETTERS, [letter]);
    const token = randomUUID();
    await this.#untilDone(`writing ${DEAD_LETTERS.name}`, () => this.#send(DEAD_LETTERS, bytes, token, null));
  }

  async #send<T>(table: Table<T>, bytes: Buffer, token: string, deadlineMs: number | null): Promise<void> {
    const { stream } = await this.#client.exec({
      query: deadlineMs === null ? insertStatement(table) : insertStatementUntil(table, deadlineMs),
      values: Readable.from([bytes], { objectMode: false }),
      abort_signal: this.#aborted,
      clickhouse_settings: {
        async_insert: 0,
        insert_deduplicate: 1,
        insert_deduplication_token: token,
        // Built by the first merge instead of for each batch and again when batches are merged (docs/performance.md). Until then
        // a search reads the texts of the newest batches.
        exclude_materialize_skip_indexes_on_insert: 'text_words',
        // One capture may span years; a partition is a day.
        max_partitions_per_insert_block: '0',
        // The status line tells the outcome, not only the beginning.
        wait_end_of_query: 1,
      },
    });
    for await (const _ of stream);
  }

  /** Repeats `action` until it succeeds; `doing` is what it does, for the `problem`. */
  async #untilDone<R>(doing: string, action: () => Promise<R>): Promise<R> {
    let delayMs = this.#options.retryDelayMs;
    for (;;) {
      try {
        const result = await action();
        this.problem = '';
        return result;
      } catch (error) {
        if (error instanceof ClaimOver) throw error;
        // Not its message: ClickHouse quotes the row that it can't read.
        this.problem = `${doing}: ${toldOf(error)}`;
        this.retries++;
      }
      await this.#pause(delayMs);
      delayMs = Math.min(delayMs * 2, this.#options.retryDelayMsMax);
    }
  }

  #pause(ms: number): Promise<void> {
    const signal = this.#aborted;
    return new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      const timer = setTimeout(() => {
        signal.removeEventListener('abort', abort);
        resolve();
      }, ms);
      signal.addEventListener('abort', abort, { once: true });
    });
  }
}

/** Whether the row need not be inserted: a provisional one is there, too, when the whole one is. */
export function isThere<T>(table: Table<T>, row: T, present: Existing): boolean {
  const id = table.id(row);
  return present.whole.has(id) || (table.provisional?.(row) === true && present.provisional.has(id));
}

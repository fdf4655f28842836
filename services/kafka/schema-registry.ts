/**
 * Client of a schema registry that speaks Confluent's REST API (Confluent, Apicurio's `/apis/ccompat/v7`, Karapace):
 *
 *     POST /subjects/{subject}/versions   {"schema": "…"} → {"id": 7}                     register, or find what is registered
 *     GET  /schemas/ids/{id}              → {"schema": "…"}, or 404 {"error_code": 40403}   what a writer wrote with
 *
 * Confluent Schema Registry API reference, "Subjects" and "Schemas". Answers and waits are bounded; redirects aren't followed.
 */
import { request as plainRequest } from 'node:http';
import { type RequestOptions, request as tlsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { BitternError } from '../common/errors.ts';
import type { Secret } from './secret.ts';
import { readFile, readSecret, type SecretSource } from './security.ts';

export interface SchemaRegistryOptions {
  /** `http:` or `https:`, with the path that the API stands below. */
  readonly url: string;
  /** HTTP basic authentication; an empty user name: none. */
  readonly username: string;
  readonly password: SecretSource;
  /** PEM file of the authority that signed the registry's certificate. `null`: the system's authorities. */
  readonly caFile: string | null;
}

export const SCHEMA_REGISTRY_DEFAULTS = {
  requestTimeoutMs: 5_000,
  /** Longest answer, bytes: hundreds of times our schemas. */
  answerBytesMax: 1024 * 1024,
  /** Wait before the second attempt, doubled from one to the next, and the longest. */
  retryMs: 250,
  retryMsMax: 10_000,
} as const;

const MEDIA_TYPE = 'application/vnd.schemaregistry.v1+json';
const SUBJECT_SUFFIX = '-value';
/** Ids are positive 32-bit integers. */
const ID_MAX = 2 ** 31 - 1;
/** What a registry's own sentence is cut to. */
const TOLD_CHARS_MAX = 300;

interface Answer {
  readonly status: number;
  readonly body: string;
}

export class SchemaRegistry {
  readonly #options: SchemaRegistryOptions;
  readonly #base: string;
  readonly #password: Secret | null;
  readonly #ca: string | null;
  readonly #note: (line: string) => void;
  #problem = '';

  /**
   * @param note is told once when the registry can't be asked, and when it can again.
   * @throws BitternError BIT_KAFKA_SECURITY when a file or variable is missing.
   */
  constructor(options: SchemaRegistryOptions, env: NodeJS.ProcessEnv, note: (line: string) => void) {
    this.#options = options;
    this.#base = options.url.replace(/\/+$/, '');
    this.#password = options.username === '' ? null : readSecret(options.password, env);
    this.#ca = readFile("the schema registry's authority (CA) file", options.caFile);
    this.#note = note;
  }

  /**
   * The id of a schema under the subject `<topic>-value`; registers it when it isn't there. Tries again for `patienceMs` while
   * the registry is down.
   * @throws BitternError BIT_REGISTRY_UNREACHABLE, or at once BIT_REGISTRY_AUTH, BIT_REGISTRY_INCOMPATIBLE, BIT_REGISTRY_FAILED.
   */
  async register(topic: string, schema: unknown, patienceMs: number): Promise<number> {
    const subject = encodeURIComponent(topic + SUBJECT_SUFFIX);
    const body = JSON.stringify({ schema: JSON.stringify(schema) });
    const what = `Registering the schema of '${topic}'`;
    const answer = await this.#retry(Date.now() + patienceMs, () =>
      this.#ask(what, 'POST', `/subjects/${subject}/versions`, body),
    );
    const id = (parse(answer.body) as { readonly id?: unknown } | null)?.id;
    if (answer.status === 200 && typeof id === 'number' && Number.isInteger(id) && id > 0 && id <= ID_MAX) return id;
    if (answer.status === 409) {
      throw new BitternError(
        'BIT_REGISTRY_INCOMPATIBLE',
        `${what} was refused: ${told(answer)} Its subject holds a schema of another release or program that the registry's compatibility rule does not let follow.`,
      );
    }
    throw this.#unexpected(what, answer);
  }

  /** The text of a schema; `null` when the registry doesn't know the id. Waits while it is down or refuses us, for ever: whoever waits keeps the record. */
  async schema(id: number): Promise<string | null> {
    const what = `Fetching the schema ${id}`;
    const answer = await this.#retry(Number.POSITIVE_INFINITY, async () => {
      const got = await this.#ask(what, 'GET', `/schemas/ids/${id}`, null);
      if (got.status !== 200 && got.status !== 404) throw this.#unexpected(what, got);
      // A proxy's 404 is no word of the registry.
      if (parse(got.body) === null) throw this.#unexpected(what, got);
      return got;
    });
    if (answer.status === 404) return null;
    const { schema } = parse(answer.body) as { readonly schema?: unknown };
    return typeof schema === 'string' ? schema : null;
  }

  async #retry(deadlineMs: number, attempt: () => Promise<Answer>): Promise<Answer> {
    for (let waitMs: number = SCHEMA_REGISTRY_DEFAULTS.retryMs; ; waitMs *= 2) {
      try {
        const answer = await attempt();
        if (this.#problem !== '') this.#note('The schema registry answers again.');
        this.#problem = '';
        return answer;
      } catch (error) {
        const forEver = deadlineMs === Number.POSITIVE_INFINITY;
        const passing = error instanceof BitternError && error.code === 'BIT_REGISTRY_UNREACHABLE';
        if (!forEver && (!passing || Date.now() >= deadlineMs)) throw error;
        const problem = error instanceof Error ? error.message : String(error);
        if (problem !== this.#problem) this.#note(`Waiting for the schema registry. ${problem}`);
        this.#problem = problem;
      }
      const leftMs = Math.max(0, deadlineMs - Date.now());
      await sleep(Math.min(waitMs, SCHEMA_REGISTRY_DEFAULTS.retryMsMax, leftMs), undefined, { ref: false });
    }
  }

  /** Any answer that the registry itself gave. @throws BitternError BIT_REGISTRY_UNREACHABLE, BIT_REGISTRY_AUTH. */
  async #ask(what: string, method: 'GET' | 'POST', path: string, body: string | null): Promise<Answer> {
    const { username } = this.#options;
    const answer = await send(this.#base + path, body, {
      method,
      headers: {
        accept: `${MEDIA_TYPE}, application/json`,
        ...(body !== null && { 'content-type': MEDIA_TYPE, 'content-length': Buffer.byteLength(body) }),
      },
      ...(this.#password !== null && { auth: `${username}:${this.#password.reveal()}` }),
      ...(this.#ca !== null && { ca: this.#ca }),
    }).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw unreachable(`${what} failed: ${why}. Check kafka.schemaRegistryUrl and that the registry runs.`, cause);
    });
    const { status } = answer;
    if (status >= 500 || status === 429 || status === 408) {
      throw unreachable(`${what} failed: the registry answers with status ${status}.`);
    }
    if (status !== 401 && status !== 403) return answer;
    throw new BitternError(
      'BIT_REGISTRY_AUTH',
      `${what} failed: the registry refuses this user (status ${status}). Check kafka.schemaRegistryUsername, the password and the registry's access rules.`,
    );
  }

  #unexpected(what: string, answer: Answer): BitternError {
    return new BitternError(
      'BIT_REGISTRY_FAILED',
      `${what} failed: ${told(answer)} Is ${this.#base} the address of its Confluent API?`,
    );
  }
}

/** One request. @throws Error when there is no whole answer in time. */
function send(url: string, body: string | null, options: RequestOptions): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { requestTimeoutMs, answerBytesMax } = SCHEMA_REGISTRY_DEFAULTS;
  const signal = AbortSignal.timeout(requestTimeoutMs);
  const start = url.startsWith('https:') ? tlsRequest : plainRequest;
  const sent = start(url, { ...options, signal, agent: false }, (response) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    response.on('data', (part: Buffer) => {
      parts.push(part);
      bytes += part.length;
      if (bytes > answerBytesMax) sent.destroy(new Error(`the answer is longer than ${answerBytesMax} bytes`));
    });
    response.on('end', () => {
      resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') });
    });
    response.on('error', reject);
  });
  sent.on('error', (error) => reject(signal.aborted ? new Error(`no answer in ${requestTimeoutMs} ms`) : error));
  sent.end(body ?? undefined);
  return promise;
}

function parse(body: string): object | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' ? value : null;
  } catch {
    return null;
  }
}

function told({ status, body }: Answer): string {
  const message = (parse(body) as { readonly message?: unknown } | null)?.message;
  return typeof message === 'string' ? `status ${status}, "${message.slice(0, TOLD_CHARS_MAX)}".` : `status ${status}.`;
}

function unreachable(message: string, cause?: unknown): BitternError {
  return new BitternError('BIT_REGISTRY_UNREACHABLE', message, { cause });
}

/**
 * Reads the body of one response: a JSON body, a stream of events (SSE, or Amazon's binary one), JSON in pieces, media, or
 * whatever an error brings.
 */

import { asObject, type JsonObject, parseJson } from '../common/json.ts';
import type { Micros } from '../common/types.ts';
import { AwsEventStreamParser } from '../http/aws-event-stream.ts';
import { BodyCollector } from '../http/body.ts';
import type { BodyPieces } from '../http/body-pieces.ts';
import type { BodyConsumer } from '../http/exchange.ts';
import { SseParser } from '../http/sse.ts';
import { type AnswerMode, modeOf, sniffMode } from './answer-mode.ts';
import { type ApiError, readApiError } from './api-error.ts';
import { awsEventOf } from './aws-events.ts';
import { viewOf } from './byte-literal.ts';
import { type ChunkTemplate, endsEvent } from './chunk-template.ts';
import type { LlmLimits } from './defaults.ts';
import type { Dialect, EventStream, ResponseFacts, StreamEnd, Usage } from './dialects/dialect.ts';
import { DIALECTS, UNKNOWN_DIALECT } from './dialects/registry.ts';
import { NO_FACTS } from './dialects/shared/facts.ts';
import { EventTemplates } from './event-template.ts';
import { JsonPieces } from './json/pieces.ts';
import { StreamTiming } from './stream-timing.ts';
import { TextRun } from './text-run.ts';

export interface Answer {
  /** By the request's path, else by the answer's shape; null when neither tells. */
  readonly dialect: Dialect | null;
  readonly streamed: boolean;
  readonly facts: ResponseFacts | null;
  readonly error: ApiError | null;
  readonly end: StreamEnd;
  /** What is stored of it; '' = nothing. */
  readonly text: string;
  readonly timing: StreamTiming | null;
  /** One of our limits cut it. */
  readonly cut: boolean;
}

export interface AnswerOptions {
  /** Null: to be found by the answer's shape. */
  readonly dialect: Dialect | null;
  readonly status: number;
  readonly contentType: string;
  /** Length of the decoded body where it is told; else 0. */
  readonly contentLength: number;
  /** Token counts that the head tells; for a body without any. */
  readonly headUsage?: Usage | null;
  /** The type of an error that the head tells; for a body without one. */
  readonly headErrorType?: string;
  readonly limits: LlmLimits;
}

/** A body's bytes up to the first hole: all that is sure to stand together. */
function bytesBeforeGap(body: BodyCollector): Buffer {
  const gap = body.gaps[0];
  return gap === undefined ? body.bytes : body.bytes.subarray(0, gap.at);
}

function plainText(view: DataView, { from, to }: ChunkTemplate): string {
  return Buffer.from(view.buffer, from, to - from).toString('latin1');
}

/** Events that are kept for the dialect that is still to be found. */
const UNCLAIMED_EVENTS_MAX = 8;

interface Unclaimed {
  readonly type: string;
  readonly data: string;
  readonly json: JsonObject | null;
}

export class AnswerReader implements BodyConsumer {
  readonly #options: AnswerOptions;
  #dialect: Dialect | null;
  #mode: AnswerMode;
  #events: SseParser | null = null;
  #frames: AwsEventStreamParser | null = null;
  #pieces: JsonPieces | null = null;
  #body: BodyCollector | null = null;
  #stream: EventStream | null = null;
  #templates: EventTemplates | null = null;
  readonly #run = new TextRun();
  #timing: StreamTiming | null = null;
  #unclaimed: Unclaimed[] = [];
  #streamBytes = 0;
  #cut = false;
  #gaps = false;
  /** Whether the bytes so far ended with an event's end. */
  #betweenEvents = false;
  /** Text of an event that isn't plain, and the UTF-16 units that it is written with. */
  #text = '';
  #written = 0;
  #lastType = '';
  #lastData = '';
  /** What was known when it was dropped. */
  #dropped: Answer | null = null;
  #time: Micros = 0;

  constructor(options: AnswerOptions) {
    this.#options = options;
    this.#dialect = options.dialect;
    this.#mode = modeOf(options, options.dialect);
  }

  /** Bytes that are held for this answer, about. */
  get heldBytes(): number {
    const parser = this.#events ?? this.#frames ?? this.#pieces ?? this.#body;
    return this.#streamBytes + this.#run.heldBytes + (parser?.heldBytes ?? 0);
  }

  /** The pieces of one frame; most events of a stream are a piece each. */
  pieces({ buffer, count, starts, ends, times }: BodyPieces): void {
    const view = viewOf(buffer);
    const { byteOffset } = buffer;
    for (let n = 0; n < count; n++) {
      const known = this.#knownIn(view, buffer, byteOffset + starts[n]!, byteOffset + ends[n]!);
      if (known === null) this.#unknown(buffer.subarray(starts[n], ends[n]), times[n]!);
      else if (this.#onKnown(known, view)) this.#timing!.content(times[n]!);
    }
    this.#time = times[count - 1]!;
  }

  data(bytes: Buffer, time: Micros): void {
    const { byteOffset } = bytes;
    const view = viewOf(bytes);
    const known = this.#knownIn(view, bytes, byteOffset, byteOffset + bytes.length);
    if (known === null) this.#unknown(bytes, time);
    else if (this.#onKnown(known, view)) this.#timing!.content(time);
    this.#time = time;
  }

  /** The template of the one event that these bytes are; null: they must be read by lines, or are none. `view`: of the buffer's memory. */
  #knownIn(view: DataView, buffer: Buffer, start: number, end: number): ChunkTemplate | null {
    if (!this.#betweenEvents || this.#templates === null) return null;
    const chunk = this.#templates.readChunk(view, start, end);
    return chunk === null || chunk.isPlain || this.#decode(chunk, buffer) ? chunk : null;
  }

  /** False: the text isn't JSON. */
  #decode({ from, to, isEscaped }: ChunkTemplate, buffer: Buffer): boolean {
    const { byteOffset } = buffer;
    const written = buffer.toString('utf8', from - byteOffset, to - byteOffset);
    const text = isEscaped ? parseJson(`"${written}"`) : written;
    if (typeof text !== 'string') return false;
    this.#written = written.length;
    this.#text = text;
    return true;
  }

  #unknown(bytes: Buffer, time: Micros): void {
    if (this.#mode === 'undecided') this.#mode = sniffMode(bytes, this.#options, this.#dialect);
    if (this.#mode === 'events') this.#eventBytes(bytes, time);
    else if (this.#mode === 'frames') this.#frameParser().data(bytes, time);
    else if (this.#mode === 'pieces') this.#pieceParser().data(bytes, time);
    else if (this.#isCollected()) this.#collector().data(bytes);
  }

  gap(missing: number): void {
    this.#gaps = true;
    this.#betweenEvents = false;
    if (this.#mode === 'events') this.#eventParser().gap();
    else if (this.#mode === 'frames') this.#frameParser().gap();
    else if (this.#mode === 'pieces') this.#pieceParser().gap();
    else if (this.#isCollected()) this.#collector().gap(missing);
  }

  #isCollected(): boolean {
    return this.#mode === 'undecided' || this.#mode === 'whole';
  }

  /** Lets go of all that came and of what comes. Of a stream that was open the few facts that need no memory stay. */
  drop(): void {
    this.#tellRun();
    const facts = this.#stream === null ? null : this.#stream.result().facts;
    this.#dropped = {
      dialect: this.#dialect,
      streamed: this.#isStream(),
      facts: facts === null ? null : { ...facts, toolCalls: [], text: '' },
      error: facts?.error ?? null,
      end: 'no',
      text: '',
      timing: this.#timing,
      cut: true,
    };
    this.#mode = 'dropped';
    this.#events = null;
    this.#frames = null;
    this.#pieces = null;
    this.#body = null;
    this.#stream = null;
    this.#templates = null;
    this.#lastData = '';
    this.#unclaimed = [];
    this.#streamBytes = 0;
  }

  #eventBytes(bytes: Buffer, time: Micros): void {
    const began = this.#betweenEvents;
    const parser = this.#eventParser();
    const { events } = parser;
    this.#lastData = '';
    parser.data(bytes, time);
    this.#betweenEvents = endsEvent(bytes, 0, bytes.length);
    if (!began || !this.#betweenEvents || parser.events !== events + 1 || this.#lastData === '') return;
    this.#templates?.learnChunk(bytes, this.#lastType, this.#lastData);
  }

  /** One event that a template read from the bytes. True when it brought content. */
  #onKnown(chunk: ChunkTemplate, view: DataView): boolean {
    const { isPlain } = chunk;
    this.#streamBytes += chunk.charactersWith(isPlain ? chunk.to - chunk.from : this.#written);
    if (this.#streamBytes > this.#options.limits.responseBytesMax) {
      this.#cut = true;
      return false;
    }
    if (isPlain ? this.#run.add(chunk, view) : this.#run.addText(chunk, this.#text)) return this.#run.isContent;
    this.#tellRun();
    const piece = isPlain ? plainText(view, chunk) : this.#text;
    const isContent = this.#stream!.event(chunk.type, '', chunk.valueWith(piece));
    if (piece !== '') this.#run.begin(chunk, isContent);
    return isContent;
  }

  /** Before anything else is told to the stream, or asked of it. */
  #tellRun(): void {
    const { chunk } = this.#run;
    const text = this.#run.end();
    if (chunk !== null && text !== '') this.#stream!.event(chunk.type, '', chunk.valueWith(text));
  }

  #eventParser(): SseParser {
    const { eventBytesMax } = this.#options.limits;
    this.#events ??= new SseParser((type, data, time) => this.#onEvent(type, data, time), {
      lineBytesMax: eventBytesMax,
      eventCharactersMax: eventBytesMax,
    });
    return this.#events;
  }

  #frameParser(): AwsEventStreamParser {
    this.#frames ??= new AwsEventStreamParser((headers, payload, time) => {
      const { type, data } = awsEventOf(headers, payload);
      this.#onEvent(type, data, time);
    }, this.#options.limits.eventBytesMax);
    return this.#frames;
  }

  #pieceParser(): JsonPieces {
    this.#pieces ??= new JsonPieces((data, time) => this.#onEvent('', data, time), this.#options.limits.eventBytesMax);
    return this.#pieces;
  }

  #collector(): BodyCollector {
    const { limits, status, contentLength } = this.#options;
    const bodyBytesMax = status >= 400 ? limits.errorBytesMax : limits.responseBytesMax;
    this.#body ??= new BodyCollector({ bodyBytesMax, hintBytesMax: limits.hintBytesMax }, contentLength);
    return this.#body;
  }

  #onEvent(type: string, data: string, time: Micros): void {
    this.#streamBytes += data.length;
    if (this.#streamBytes > this.#options.limits.responseBytesMax) {
      this.#cut = true;
      return;
    }
    this.#lastType = type;
    this.#lastData = data;
    this.#tellRun();
    const known = this.#templates === null ? null : this.#templates.read(data);
    const json = known ?? (data.charCodeAt(0) === 0x7b ? asObject(parseJson(data)) : null);
    this.#timing ??= new StreamTiming(this.#options.limits.tokenGapsMax);
    const stream = this.#stream ?? this.#claim(type, data, json);
    if (stream === null) return;
    if (known === null && json !== null) this.#learn(data, json);
    if (stream.event(type, data, json)) this.#timing.content(time);
  }

  #learn(data: string, json: JsonObject): void {
    const place = this.#dialect?.deltaPlace(json) ?? null;
    if (place === null) return;
    this.#templates ??= new EventTemplates();
    this.#templates.learn(data, json, place);
  }

  /** The stream of the dialect that this event belongs to; null while none is found (the event is then kept). */
  #claim(type: string, data: string, json: JsonObject | null): EventStream | null {
    if (this.#dialect === null && json !== null) {
      this.#dialect = DIALECTS.find((dialect) => dialect.isEvent(type, json)) ?? null;
    }
    if (this.#dialect !== null) return this.#open(this.#dialect);
    if (this.#unclaimed.length < UNCLAIMED_EVENTS_MAX) this.#unclaimed.push({ type, data, json });
    else if (this.#looksLikeCall()) return this.#open(UNKNOWN_DIALECT);
    return null;
  }

  #open(dialect: Dialect): EventStream {
    const stream = dialect.openStream();
    for (const { type, data, json } of this.#unclaimed) stream.event(type, data, json);
    this.#unclaimed = [];
    this.#dialect = dialect;
    this.#stream = stream;
    return stream;
  }

  #looksLikeCall(): boolean {
    return this.#unclaimed.some(({ type, json }) => json !== null && UNKNOWN_DIALECT.isEvent(type, json));
  }

  /** Everything that the body told. Call once, when nothing more comes. */
  /** What is known so far; reading goes on. */
  peek(): Answer {
    if (this.#dropped !== null) return this.#dropped;
    return this.#stream === null ? this.#finishWhole() : this.#finishStream(this.#stream);
  }

  finish(): Answer {
    if (this.#dropped !== null) return this.#dropped;
    this.#events?.end(this.#time);
    this.#frames?.end();
    if (this.#stream === null && this.#unclaimed.length > 0 && this.#looksLikeCall()) this.#open(UNKNOWN_DIALECT);
    return this.#stream === null ? this.#finishWhole() : this.#finishStream(this.#stream);
  }

  #finishStream(stream: EventStream): Answer {
    this.#tellRun();
    const { message, facts, end } = stream.result();
    return {
      dialect: this.#dialect,
      streamed: true,
      facts,
      error: facts.error,
      end,
      text: message === null ? '' : JSON.stringify(message),
      timing: this.#timing,
      cut: this.#cut || this.#lostEvents(),
    };
  }

  /** Whether a limit cost an event. What a gap cost is told by the exchange. */
  #lostEvents(): boolean {
    if ((this.#pieces?.dropped ?? 0) > 0) return true;
    return !this.#gaps && ((this.#events?.droppedEvents ?? 0) > 0 || (this.#frames?.dropped ?? 0) > 0);
  }

  #finishWhole(): Answer {
    const text = this.#body === null ? '' : bytesBeforeGap(this.#body).toString('utf8');
    // Pieces that happen to fit together again aren't what was sent.
    const json = text === '' || !this.#body!.intact ? undefined : parseJson(text);
    const object = asObject(json);
    const failed = this.#options.status >= 400;
    if (object !== null) this.#dialect ??= this.#dialectOf(object);
    const isAnswer = object !== null && !failed && this.#dialect !== null;
    const facts = isAnswer ? this.#dialect!.answer(object) : failed ? null : this.#factsOfHead();
    const error = failed ? this.#failure(json, text) : (facts?.error ?? null);
    return {
      dialect: this.#dialect,
      streamed: this.#isStream(),
      facts: facts === null ? null : { ...facts, usage: facts.usage ?? this.#options.headUsage ?? null },
      error,
      end: this.#mode === 'media' ? 'if_closed' : json === undefined ? 'no' : 'yes',
      text,
      timing: this.#timing,
      cut: this.#cut || (this.#body?.droppedBytes ?? 0) > 0 || this.#lostEvents(),
    };
  }

  #failure(json: unknown, text: string): ApiError {
    const { type, message } = readApiError(json) ?? { type: '', message: text };
    return { type: type || (this.#options.headErrorType ?? ''), message };
  }

  /** Of an answer that isn't read, or isn't one: what its head tells. */
  #factsOfHead(): ResponseFacts | null {
    return this.#options.headUsage == null ? null : NO_FACTS;
  }

  #isStream(): boolean {
    return this.#mode === 'events' || this.#mode === 'frames' || this.#mode === 'pieces';
  }

  #dialectOf(json: JsonObject): Dialect | null {
    if (this.#options.status >= 400) return null;
    return DIALECTS.find((each) => each.isAnswer(json)) ?? (UNKNOWN_DIALECT.isAnswer(json) ? UNKNOWN_DIALECT : null);
  }
}

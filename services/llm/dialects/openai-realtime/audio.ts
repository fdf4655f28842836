/** Audio is told by its size and its length in time; its bytes go no further than here. */
import { asNumber, asObject, asString, type JsonObject } from '../../../common/json.ts';

/** Bytes a second; 0: not known. */
export interface AudioRates {
  readonly input: number;
  readonly output: number;
}

const PCM_RATE_HZ = 24_000;
const PCM_SAMPLE_BYTES = 2;
/** µ-law and A-law (G.711): a byte a sample. */
const G711_RATE_HZ = 8000;

function rateOf(name: string, hertz: number | null): number {
  if (name === 'pcm16' || name === 'audio/pcm') return (hertz ?? PCM_RATE_HZ) * PCM_SAMPLE_BYTES;
  if (name.startsWith('g711_') || name === 'audio/pcmu' || name === 'audio/pcma') return G711_RATE_HZ;
  return 0;
}

/** The beta names a format by a word, the general form by an object. */
export function ratesOf(session: JsonObject): AudioRates {
  const audio = asObject(session.audio);
  const side = (name: 'input' | 'output', word: unknown): number => {
    const format = asObject(asObject(audio?.[name])?.format);
    if (format !== null) return rateOf(asString(format.type), asNumber(format.rate));
    return rateOf(asString(word) || 'pcm16', null);
  };
  return { input: side('input', session.input_audio_format), output: side('output', session.output_audio_format) };
}

export function milliseconds(bytes: number, rate: number): number {
  return rate === 0 ? 0 : Math.round((bytes * 1000) / rate);
}

const PADDING = 0x3d;

/** Bytes that a JSON string of base64 (RFC 4648 section 4) stands for, with its quotes. */
export function base64Bytes(text: string): number {
  let end = text.length - 1;
  while (end > 1 && text.charCodeAt(end - 1) === PADDING) end--;
  return Math.max(0, Math.floor(((end - 1) * 3) / 4));
}

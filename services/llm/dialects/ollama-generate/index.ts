import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Ollama's own completion API. */
export const ollamaGenerate: Dialect = {
  name: 'ollama.generate',
  vendor: 'ollama',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

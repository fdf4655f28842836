import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** The own completion API of llama.cpp's server. */
export const llamacppCompletion: Dialect = {
  name: 'llamacpp.completion',
  vendor: 'llama.cpp',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

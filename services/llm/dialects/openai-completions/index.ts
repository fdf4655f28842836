import { type Dialect, openStream } from '../dialect.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** OpenAI's Completions API, as self-hosted servers still have it, and Mistral's fill-in-the-middle. */
export const openaiCompletions: Dialect = {
  name: 'openai.completions',
  vendor: 'openai',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
};

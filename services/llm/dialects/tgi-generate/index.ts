import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** The own API of Hugging Face's Text Generation Inference. */
export const tgiGenerate: Dialect = {
  name: 'tgi.generate',
  vendor: 'huggingface',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

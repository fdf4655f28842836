import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { history } from './history.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Google's generateContent and streamGenerateContent, on AI Studio and Vertex. */
export const geminiGenerateContent: Dialect = {
  name: 'gemini.generate_content',
  vendor: 'gcp.gemini',
  isCallPath,
  request,
  history,
  isAnswer,
  isEvent,
  answer,
  // Every chunk tells the usage so far, and its parts are kept.
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

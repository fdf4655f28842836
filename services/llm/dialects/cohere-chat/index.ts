import { type Dialect, openStream } from '../dialect.ts';
import { chatHistory } from '../shared/chat-history.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Cohere's Chat API, version 2. */
export const cohereChat: Dialect = {
  name: 'cohere.chat',
  vendor: 'cohere',
  isCallPath,
  request,
  history: chatHistory(true),
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
};

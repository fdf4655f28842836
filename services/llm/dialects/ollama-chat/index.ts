import { type Dialect, openStream } from '../dialect.ts';
import { chatHistory } from '../shared/chat-history.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Ollama's own chat API. */
export const ollamaChat: Dialect = {
  name: 'ollama.chat',
  vendor: 'ollama',
  isCallPath,
  request,
  history: chatHistory(false),
  isAnswer,
  isEvent,
  answer,
  // Every line has a time of its own, and the last one is kept.
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

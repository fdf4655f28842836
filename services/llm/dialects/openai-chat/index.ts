import { type Dialect, openStream } from '../dialect.ts';
import { chatHistory } from '../shared/chat-history.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** OpenAI's Chat Completions API and everything that imitates it. */
export const openaiChat: Dialect = {
  name: 'openai.chat',
  vendor: 'openai',
  isCallPath,
  request,
  history: chatHistory(true),
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
};

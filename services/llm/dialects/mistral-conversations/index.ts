import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Mistral's Conversations API: beginning, continuing and restarting a conversation that the server keeps. */
export const mistralConversations: Dialect = {
  name: 'mistral.conversations',
  vendor: 'mistral_ai',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

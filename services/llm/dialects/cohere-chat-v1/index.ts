import { type Dialect, openStream } from '../dialect.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Cohere's Chat API, version 1, as older clients and deployments still have it. */
export const cohereChatV1: Dialect = {
  name: 'cohere.chat_v1',
  vendor: 'cohere',
  isCallPath,
  request,
  isAnswer,
  isEvent,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

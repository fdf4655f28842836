import { type Dialect, openStream } from '../dialect.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { history } from './history.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Anthropic's Messages API, as of version 2023-06-01. */
export const anthropicMessages: Dialect = {
  name: 'anthropic.messages',
  vendor: 'anthropic',
  isCallPath,
  request,
  history,
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
};

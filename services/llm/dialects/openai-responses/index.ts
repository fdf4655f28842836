import { type Dialect, openStream } from '../dialect.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { history } from './history.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { socket } from './socket.ts';
import { stream } from './stream.ts';

/** OpenAI's Responses API, over HTTP and over WebSocket. */
export const openaiResponses: Dialect = {
  name: 'openai.responses',
  vendor: 'openai',
  isCallPath,
  request,
  history,
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
  socket,
};

import { type Dialect, openStream } from '../dialect.ts';
import { deltaPlace } from './delta-place.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { socket } from './socket.ts';
import { stream } from './stream.ts';

/** OpenAI's Realtime API over WebSocket, in its beta and its general form. It has no calls over HTTP. */
export const openaiRealtime: Dialect = {
  name: 'openai.realtime',
  vendor: 'openai',
  isCallPath: () => false,
  request,
  isAnswer: () => false,
  isEvent: () => false,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
  socket,
};

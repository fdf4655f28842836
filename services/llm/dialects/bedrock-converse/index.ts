import { type Dialect, openStream } from '../dialect.ts';
import { deltaPlace } from './delta-place.ts';
import { isAnswer, isCallPath, isEvent } from './detect.ts';
import { history } from './history.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Amazon Bedrock's Converse and ConverseStream. */
export const bedrockConverse: Dialect = {
  name: 'bedrock.converse',
  vendor: 'aws.bedrock',
  isCallPath,
  request,
  history,
  isAnswer,
  isEvent,
  answer,
  deltaPlace,
  openStream: () => openStream(stream),
};

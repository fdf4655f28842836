import { type Dialect, openStream } from '../dialect.ts';
import { isCallPath } from './detect.ts';
import { request } from './request.ts';
import { answer } from './response.ts';
import { stream } from './stream.ts';

/** Amazon Bedrock's InvokeModel, with and without a response stream, for the models that aren't Anthropic's. */
export const bedrockInvoke: Dialect = {
  name: 'bedrock.invoke',
  vendor: 'aws.bedrock',
  isCallPath,
  request,
  // The bodies are other APIs' own: only the path tells that Bedrock carries them.
  isAnswer: () => false,
  isEvent: () => false,
  answer,
  deltaPlace: () => null,
  openStream: () => openStream(stream),
};

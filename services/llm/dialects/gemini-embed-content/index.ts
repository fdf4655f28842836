import { asCount, asObject } from '../../../common/json.ts';
import { plainUsage } from '../shared/facts.ts';
import { factsOnly } from '../shared/facts-only.ts';

const PATH = /\/models\/([^/:]+):(embedContent|batchEmbedContents)$/;

/** Google's embedContent and batchEmbedContents. */
export const geminiEmbedContent = factsOnly({
  name: 'gemini.embed_content',
  vendor: 'gcp.gemini',
  stored: 'request',
  isCallPath: (path) => PATH.test(path),
  isCall: (has) => has('content') || has('requests'),
  modelOf: (path) => PATH.exec(path)?.[1] ?? '',
  usage: (json) => plainUsage(asCount(asObject(json.usageMetadata)?.promptTokenCount), null),
});

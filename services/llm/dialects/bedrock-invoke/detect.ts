import { bedrockPath } from '../shared/bedrock-path.ts';

/** Bodies for models of Anthropic are those of `anthropic.messages`, which has them where the path names such a model. */
export function isCallPath(path: string): boolean {
  const told = bedrockPath(path);
  return told?.operation.startsWith('invoke') === true && !told.model.includes('anthropic.');
}

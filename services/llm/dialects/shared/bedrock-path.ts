/**
 * Bedrock has the model and the operation in the path: `/model/MODEL/OPERATION`. MODEL is percent-encoded: a model's id
 * (`anthropic.claude-…-v1:0`), an inference profile's (`us.anthropic.…`), or an ARN, which needn't tell what model it is.
 */
const PATH = /\/model\/([^/]+)\/(converse|converse-stream|invoke|invoke-with-response-stream)$/;

export interface BedrockPath {
  readonly model: string;
  readonly operation: string;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Null for any other path. */
export function bedrockPath(path: string): BedrockPath | null {
  const found = PATH.exec(path);
  return found === null ? null : { model: decoded(found[1]!), operation: found[2]! };
}

export function isStreaming({ operation }: BedrockPath): boolean {
  return operation.endsWith('-stream');
}

/** Whether the model may be one of Anthropic's: by its name, or an ARN that names none (an application's profile, a prompt). */
export function mayBeAnthropic({ model }: BedrockPath): boolean {
  return model.includes('anthropic') || (model.startsWith('arn:') && !model.includes('foundation-model/'));
}

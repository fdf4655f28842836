import { asObject, type JsonObject } from '../../../common/json.ts';
import { deploymentOf } from '../shared/azure-path.ts';
import { factsOnly } from '../shared/facts-only.ts';
import { readUsage } from '../shared/openai-usage.ts';

const PATH = /\/audio\/(speech|transcriptions|translations)$/;

/** A transcription is paid by tokens, `{"type":"tokens",…}`, or by the length of the sound, `{"type":"duration","seconds":…}`. */
function usage(json: JsonObject) {
  const told = asObject(json.usage);
  return told?.type === 'duration' ? null : readUsage(told);
}

/** OpenAI's speech, transcription and translation. */
export const openaiAudio = factsOnly({
  name: 'openai.audio',
  vendor: 'openai',
  stored: 'none',
  isCallPath: (path) => PATH.test(path),
  isCall: (has) => has('file') || has('input'),
  modelOf: deploymentOf,
  usage,
});

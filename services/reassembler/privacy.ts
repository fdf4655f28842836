import { type PrivacyPlan, privacyFrom } from '../privacy/settings.ts';
import type { ReassemblerOptions } from './partition.ts';

/** The options of a reassembler that keeps what the plan says. `key`: that of the fingerprints. @throws BitternError BIT_REDACTION_PATTERN */
export function withPrivacy(
  options: ReassemblerOptions,
  { settings, content }: PrivacyPlan,
  key: Buffer,
): ReassemblerOptions {
  const privacy = privacyFrom(settings, content, key, Object.values(options.llm.identity).flat());
  return { ...options, llm: { ...options.llm, content: privacy.mayKeepContent, privacy } };
}

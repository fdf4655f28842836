/** Settings of capture modes and redaction, and what is made of them. */
import { z } from 'zod';
import { createCredentialMasker } from '../http/credentials.ts';
import { CaptureModes, type ModeRule } from './capture-mode.ts';
import { problemOf, wholeRule } from './custom.ts';
import { HashKey } from './hash-key.ts';
import { HeaderKeeper, type HeaderMode, type HeaderRules } from './headers/header-keeper.ts';
import { placeholderMaker } from './placeholder.ts';
import { type HeaderKeepers, Privacy } from './privacy.ts';
import { Redactor } from './redactor.ts';
import { BUILT_IN_RULES } from './rules/built-in.ts';

export const PRIVACY_DEFAULTS = {
  redaction: true,
  /** Rules of the operator's own. */
  rulesMax: 100,
  modesMax: 200,
  /** Patterns or ids of one mode rule. */
  patternsMax: 200,
  patternCharsMax: 1000,
  headers: 'known',
  /** Headers that the operator shows. */
  shownHeadersMax: 200,
} as const;

const BUILT_IN_NAMES: ReadonlySet<string> = new Set(BUILT_IN_RULES.map(({ name }) => name));

const patterns = z.array(z.string().min(1).max(PRIVACY_DEFAULTS.patternCharsMax)).max(PRIVACY_DEFAULTS.patternsMax);

const modeRule = z
  .strictObject({
    mode: z.enum(['content', 'metadata']),
    agents: patterns.default([]),
    hosts: patterns.default([]),
    paths: patterns.default([]),
  })
  .refine(
    ({ agents, hosts, paths }) => agents.length + hosts.length + paths.length > 0,
    'needs agents, hosts or paths: llm.content is what holds for everything else',
  );

const redactionRule = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9_]{0,39}$/, 'must be a name of lower-case letters, digits and _')
      .refine((name) => !BUILT_IN_NAMES.has(name), 'is the name of a built-in rule'),
    pattern: z.string().min(1).max(PRIVACY_DEFAULTS.patternCharsMax),
    keywords: z.array(z.string().min(3).max(100)).max(50).default([]),
  })
  .superRefine(({ pattern }, context) => {
    const problem = problemOf(pattern);
    if (problem !== null) context.addIssue({ code: 'custom', path: ['pattern'], message: problem });
  });

export const privacySection = z
  .strictObject({
    modes: z
      .array(modeRule)
      .max(PRIVACY_DEFAULTS.modesMax)
      .default([])
      .describe(
        'How much is kept of whose exchanges: a list of {mode: content | metadata, agents, hosts, paths}, in hosts and paths * stands for anything; the first that fits counts, llm.content where none does. See docs/privacy.md.',
      ),
    redaction: z
      .boolean()
      .default(PRIVACY_DEFAULTS.redaction)
      .describe('Replace secrets (API keys, tokens, private keys, passwords) in all texts before they are stored.'),
    redactionRules: z
      .array(redactionRule)
      .max(PRIVACY_DEFAULTS.rulesMax)
      .default([])
      .describe(
        "Rules of your own beside the built-in ones: a list of {name, pattern, keywords}; the pattern in RE2's syntax, its first group is what is replaced; only texts with one of the keywords are searched.",
      ),
    headers: z
      .enum(['all', 'known', 'none'])
      .default(PRIVACY_DEFAULTS.headers)
      .describe(
        'Headers of calls and exchanges: known: values of headers that are known to hold no secret and no text, others by a fingerprint; all: also unknown ones unless they look like a secret; none: no header is stored. Credentials are stored in no mode.',
      ),
    shownHeaders: z
      .array(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$/, "must be a header's name"))
      .max(PRIVACY_DEFAULTS.shownHeadersMax)
      .default([])
      .describe('Headers of your own whose values are stored as they are (redacted), besides the known ones.'),
  })
  .prefault({})
  .describe('Privacy: what is kept of texts, and what is taken out of them.');

export interface PrivacySettings {
  readonly modes: readonly ModeRule[];
  readonly redaction: boolean;
  readonly redactionRules: readonly {
    readonly name: string;
    readonly pattern: string;
    readonly keywords: readonly string[];
  }[];
  readonly headers: HeaderMode;
  readonly shownHeaders: readonly string[];
}

/** What a Privacy is made of besides the key, in a form that can be passed to another thread. */
export interface PrivacyPlan {
  readonly settings: PrivacySettings;
  /** What holds where no mode rule fits. */
  readonly content: boolean;
}

/**
 * `content`: what holds where no mode rule fits. `key`: that of the fingerprints. `identityHeaders`: names of headers that have columns.
 * @throws BitternError BIT_REDACTION_PATTERN
 */
export function privacyFrom(
  settings: PrivacySettings,
  content: boolean,
  key: Buffer,
  identityHeaders: readonly string[] = [],
): Privacy {
  const modes = new CaptureModes(settings.modes, content ? 'content' : 'metadata');
  const own = settings.redactionRules.map(wholeRule);
  const redactor = settings.redaction ? new Redactor(BUILT_IN_RULES, own, placeholderMaker(key)) : null;
  const shown = new Set([...settings.shownHeaders, ...identityHeaders].map((name) => name.toLowerCase()));
  return new Privacy(modes, redactor, new HashKey(key), headerKeepers(settings.headers, shown, key, redactor));
}

/** Where no text may be kept, nothing that is unknown is shown. */
function headerKeepers(
  mode: HeaderMode,
  shown: HeaderRules['shown'],
  key: Buffer,
  redactor: Redactor | null,
): HeaderKeepers | null {
  if (mode === 'none') return null;
  const masker = createCredentialMasker(key);
  const known = new HeaderKeeper({ mode: 'known', shown }, masker, redactor);
  return { metadata: known, content: mode === 'known' ? known : new HeaderKeeper({ mode, shown }, masker, redactor) };
}

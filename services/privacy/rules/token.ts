/** Tokens that tell what they are by how they begin: a prefix, and so many characters of an alphabet behind it. */
import { ALNUM, type Alphabet, alphabet, isMixed, isOf, NAME, Stretch, WORD } from '../alphabet.ts';
import type { Rule } from '../rule.ts';

export interface TokenShape {
  readonly name: string;
  readonly prefixes: readonly string[];
  /** Of what stands behind the prefix. */
  readonly set: Alphabet;
  /** Characters behind the prefix, at least. */
  readonly min: number;
  /** A longer stretch isn't one. Left out: any length is. */
  readonly max?: number;
  /** The prefix is so short that it must begin a word, and what follows must have a digit and a letter. */
  readonly weak?: boolean;
}

export function tokenRule(shape: TokenShape): Rule {
  const { name, prefixes, set, min, max = Number.POSITIVE_INFINITY, weak = false } = shape;
  return {
    name,
    keywords: prefixes,
    anyCase: false,
    finder: (text) => {
      const stretch = new Stretch(text, set);
      return (at, keywordLength) => {
        const from = at + keywordLength;
        if (weak && at > 0 && isOf(WORD, text, at - 1)) return null;
        const end = stretch.endFrom(from);
        if (end - from < min || end - from > max) return null;
        // A repetition of one letter is no secret, but an example.
        if (weak && !isMixed(text.slice(from, Math.min(end, from + 256)))) return null;
        return { start: at, end };
      };
    },
  };
}

const UPPER = alphabet('A-Z0-9');
const HEX = alphabet('a-fA-F0-9');
const SLACK = alphabet('A-Za-z0-9-');
const SLACK_URL = alphabet('A-Za-z0-9/_-');
const PADDED = alphabet('A-Za-z0-9+/=_-');

/** As the providers document them, or as their own scanners look for them. */
export const TOKENS: readonly TokenShape[] = [
  { name: 'anthropic_key', prefixes: ['sk-ant-'], set: WORD, min: 20 },
  { name: 'openai_key', prefixes: ['sk-proj-', 'sk-svcacct-', 'sk-admin-', 'sk-None-'], set: WORD, min: 20 },
  { name: 'openrouter_key', prefixes: ['sk-or-v1-'], set: WORD, min: 20 },
  { name: 'langfuse_key', prefixes: ['sk-lf-'], set: WORD, min: 20 },
  // OpenAI's older keys, and those of everyone who took them over: DeepSeek, Moonshot, LiteLLM, Mistral …
  { name: 'api_key', prefixes: ['sk-'], set: ALNUM, min: 20, weak: true },
  { name: 'google_api_key', prefixes: ['AIza'], set: WORD, min: 35 },
  { name: 'google_oauth_token', prefixes: ['ya29.'], set: NAME, min: 20 },
  { name: 'google_client_secret', prefixes: ['GOCSPX-'], set: WORD, min: 20 },
  { name: 'aws_access_key_id', prefixes: ['AKIA', 'ASIA', 'ABIA', 'ACCA'], set: UPPER, min: 16, max: 16 },
  { name: 'aws_bedrock_key', prefixes: ['ABSK', 'bedrock-api-key-'], set: PADDED, min: 60 },
  { name: 'github_token', prefixes: ['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'], set: ALNUM, min: 30 },
  { name: 'github_token', prefixes: ['github_pat_'], set: WORD, min: 22 },
  {
    name: 'gitlab_token',
    prefixes: ['glpat-', 'gldt-', 'glrt-', 'glcbt-', 'glptt-', 'glft-', 'glsoat-', 'gloas-', 'glagent-', 'glimt-'],
    set: NAME,
    min: 20,
  },
  {
    name: 'slack_token',
    prefixes: ['xoxb-', 'xoxp-', 'xoxa-', 'xoxr-', 'xoxs-', 'xoxe-', 'xoxc-'],
    set: SLACK,
    min: 10,
  },
  { name: 'slack_token', prefixes: ['xoxd-'], set: alphabet('A-Za-z0-9%/+='), min: 20 },
  { name: 'slack_token', prefixes: ['xapp-'], set: SLACK, min: 20 },
  { name: 'slack_webhook', prefixes: ['hooks.slack.com'], set: SLACK_URL, min: 40 },
  { name: 'huggingface_token', prefixes: ['hf_'], set: ALNUM, min: 30 },
  { name: 'groq_key', prefixes: ['gsk_'], set: ALNUM, min: 40 },
  { name: 'xai_key', prefixes: ['xai-'], set: ALNUM, min: 40 },
  { name: 'perplexity_key', prefixes: ['pplx-'], set: ALNUM, min: 40 },
  { name: 'replicate_token', prefixes: ['r8_'], set: ALNUM, min: 37 },
  { name: 'nvidia_key', prefixes: ['nvapi-'], set: WORD, min: 40 },
  { name: 'stripe_key', prefixes: ['sk_live_', 'sk_test_', 'rk_live_', 'rk_test_', 'whsec_'], set: ALNUM, min: 16 },
  { name: 'sendgrid_key', prefixes: ['SG.'], set: NAME, min: 40, weak: true },
  { name: 'npm_token', prefixes: ['npm_'], set: ALNUM, min: 36 },
  { name: 'pypi_token', prefixes: ['pypi-AgE'], set: WORD, min: 50 },
  { name: 'digitalocean_token', prefixes: ['dop_v1_', 'doo_v1_', 'dor_v1_'], set: HEX, min: 64 },
  { name: 'shopify_token', prefixes: ['shpat_', 'shpca_', 'shppa_', 'shpss_'], set: HEX, min: 32 },
  { name: 'databricks_token', prefixes: ['dapi'], set: HEX, min: 32 },
  { name: 'vault_token', prefixes: ['hvs.', 'hvb.'], set: WORD, min: 24 },
  { name: 'atlassian_token', prefixes: ['ATATT3x'], set: PADDED, min: 50 },
  { name: 'grafana_token', prefixes: ['glsa_', 'glc_'], set: PADDED, min: 32 },
  { name: 'sentry_token', prefixes: ['sntrys_'], set: PADDED, min: 40 },
  { name: 'linear_key', prefixes: ['lin_api_'], set: ALNUM, min: 32 },
  { name: 'age_key', prefixes: ['AGE-SECRET-KEY-1'], set: UPPER, min: 50 },
];

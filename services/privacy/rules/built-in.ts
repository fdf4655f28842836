/** The rules that come with Bittern. Where two find the same stretch, the one that stands first here names it. */
import type { Rule } from '../rule.ts';
import { ASSIGNMENTS, assignmentRule } from './assignment.ts';
import { authorization, bearer } from './authorization.ts';
import { jwt } from './jwt.ts';
import { privateKey } from './private-key.ts';
import { TOKENS, tokenRule } from './token.ts';
import { urlPassword } from './url-password.ts';

export const BUILT_IN_RULES: readonly Rule[] = [
  ...TOKENS.map(tokenRule),
  jwt,
  privateKey,
  urlPassword,
  authorization,
  bearer,
  ...ASSIGNMENTS.map(assignmentRule),
];

/**
 * What the messages of a conversation tell of its course: who spoke, what a person said, which tools were asked for, what they
 * answered. One `history.ts` a dialect reads one element of its list of messages; everything else is shared.
 */
import { hash } from 'node:crypto';
import { asArray, asObject, asString, parseJson } from '../../common/json.ts';
import { canonicalHashOf } from '../json/canonical.ts';
import { looseHash, squeezedHash } from '../squeezed-hash.ts';

/** Who speaks. `tool`: results only. `none`: the element tells nothing of the course (reasoning, references). */
export type Speaker = 'user' | 'assistant' | 'tool' | 'system' | 'none';

export interface AskedTool {
  /** '' where the API gives none. */
  readonly id: string;
  readonly name: string;
  /** JSON text, or what the model wrote in its place. */
  readonly arguments: string;
}

export interface ToolResult {
  readonly id: string;
  readonly name: string;
  readonly text: string;
  /** What the API says; null where it has no word for it. */
  readonly isError: boolean | null;
}

/** One element of the list of messages. */
export interface HistoryMessage {
  readonly speaker: Speaker;
  /** The pieces of text in the user's name, those that the client wrote among them. */
  readonly userTexts: readonly string[];
  /** What the model said. */
  readonly answerText: string;
  readonly asked: readonly AskedTool[];
  readonly results: readonly ToolResult[];
}

export interface HistoryReader {
  /** Whether the ids of tool calls come back in later requests as the answer gave them (in letters and digits). */
  readonly keepsIds: boolean;
  /** Whether one answer becomes several elements, so that results may stand between its tool calls. */
  readonly splitsAnswers: boolean;
  /** `message`: JSON of any shape. Never throws. */
  message(message: unknown): HistoryMessage;
  /** Beginning of an element of the system prompt; '' when it has no text. */
  systemText(element: unknown): string;
}

const NO_TEXTS: readonly string[] = [];
const NO_TOOLS: readonly AskedTool[] = [];
const NO_RESULTS: readonly ToolResult[] = [];

/** A message with what is told, and nothing else. */
export function historyMessage(speaker: Speaker, parts: Partial<HistoryMessage> = {}): HistoryMessage {
  return { speaker, userTexts: NO_TEXTS, answerText: '', asked: NO_TOOLS, results: NO_RESULTS, ...parts };
}

const HEX_DIGITS = 32;
/** Of results, which differ at their end when they grow. */
const HASHED_CHARS_MAX = 100_000;

function shortHash(text: string): string {
  return text === '' ? '' : hash('sha256', text, 'hex').slice(0, HEX_DIGITS);
}

/** Of a text without its white space: clients trim and join texts in their own ways. A text that is equal so far is taken for equal. */
export function textHash(text: string): string {
  return squeezedHash(text);
}

/** Of a text without case, digits and white space: what an agent says again and again, with another count. */
export function looseTextHash(text: string): string {
  return looseHash(text);
}

/** Equal for arguments that are equal as JSON; of the text as it is, where it is none. */
export function argumentsHash(text: string): string {
  return canonicalHashOf(text);
}

/** Members of a tool call's arguments that hand a task to a subagent, as real agents name them. */
const PROMPT_MEMBERS = ['prompt', 'message', 'task', 'instructions', 'objective', 'input', 'request'] as const;

/** Of the task in a tool call's arguments; '' when there is none. It equals the `textHash` of the subagent's first user text. */
export function handedPromptHash(text: string): string {
  if (text.length < 12 || !PROMPT_MEMBERS.some((member) => text.includes(`"${member}"`))) return '';
  const json = asObject(parseJson(text));
  if (json === null) return '';
  for (const member of PROMPT_MEMBERS) {
    const value = asString(json[member]);
    if (value !== '') return textHash(value);
  }
  return '';
}

/** What differs at every run of the same command in the outputs of real agents' shells. */
const VOLATILE: readonly RegExp[] = [
  /^Chunk ID: [0-9a-f]+$/gm,
  /^Wall time: [\d.]+ seconds$/gm,
  /^Process Group PGID: \d+$/gm,
  /^<shellId: \d+/gm,
  /^(?:Background PIDs|Process running with session ID)[: ]+[\d, ]+$/gm,
];

/** What an error names besides its kind: quoted text, paths, numbers. */
const NAMED_IN_ERROR = /"[^"\n]*"|'[^'\n]*'|`[^`\n]*`|\S*[/\\]\S*|\S*\d\S*/g;
const ERROR_CHARS = 400;

/** Of a tool's result without what differs at every run; of an error its kind, whatever file or number it names. */
function resultHash(text: string, isError: boolean): string {
  if (isError)
    return shortHash(`error ${text.slice(0, ERROR_CHARS).replace(NAMED_IN_ERROR, '').replace(/\s+/g, ' ').trim()}`);
  let stable = text.slice(0, HASHED_CHARS_MAX);
  if (/^(?:Chunk ID|<shellId|Wall time|Process|Background)/m.test(stable))
    for (const each of VOLATILE) stable = stable.replace(each, '');
  return shortHash(stable.trim() === '' ? ' ' : stable.trim());
}

/** Hash of a tool's result, and whether it is an error. */
export function resultFacts(result: ToolResult): { readonly hash: string; readonly isError: boolean } {
  const isError = isErrorResult(result);
  return { hash: resultHash(result.text, isError), isError };
}

const EXIT_CODE = /^(?:Process exited with code|Exit [Cc]ode:?) (-?\d+)/m;
/** Copilot's shell tells it behind the output. */
const EXIT_CODE_BEHIND = /<shellId: \d+ completed with exit code (-?\d+)>\s*$/;
const HEAD_CHARS = 2000;

/** One of several that were run in one call. */
function failed(each: unknown): boolean {
  const { success, error } = asObject(each) ?? {};
  return success === false && asString(error) !== '';
}

/**
 * Whether a result is an error: what the API says, else what the text itself states: an exit code, JSON with an `error`, or a
 * beginning that names one.
 */
function isErrorResult({ isError, text }: Pick<ToolResult, 'isError' | 'text'>): boolean {
  if (isError !== null) return isError;
  const head = text.slice(0, HEAD_CHARS).trimStart();
  const exit = EXIT_CODE.exec(head);
  if (exit !== null) return exit[1] !== '0';
  const behind = EXIT_CODE_BEHIND.exec(text.slice(-HEAD_CHARS));
  if (behind !== null) return behind[1] !== '0';
  if (head.startsWith('[{') && text.length <= HASHED_CHARS_MAX) return asArray(parseJson(text)).some(failed);
  if (head.startsWith('{') && text.length <= HASHED_CHARS_MAX) {
    const json = asObject(parseJson(text));
    if (json !== null)
      return (
        json.isError === true ||
        (json.error !== undefined && json.error !== null && json.error !== '' && json.error !== false)
      );
  }
  return /^(?:error\b|an error occurred while running the tool\b|fatal:|traceback \(most recent call last\)|<tool_use_error>|<error>)/i.test(
    head,
  );
}

/** Subagents' ids as the results of real agents' tools name them. */
const AGENT_ID = /(?:agentId: |"agent_id":\s*"|<task id=")([A-Za-z0-9_-]{6,64})/;

/** Id of the subagent that a result names; '' else. */
export function namedAgent(text: string): string {
  return AGENT_ID.exec(text.slice(0, HEAD_CHARS))?.[1] ?? AGENT_ID.exec(text.slice(-HEAD_CHARS))?.[1] ?? '';
}

/** Letters and digits only: some clients strip the punctuation of tool call ids. */
export function bareId(id: string): string {
  return id.replace(/[^A-Za-z0-9]/g, '');
}

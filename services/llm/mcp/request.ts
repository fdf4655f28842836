/**
 * Requests of the Model Context Protocol for running a tool, over HTTP:
 *
 *     {"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"…","arguments":{…},"_meta":{…}}}
 *
 * or, in protocol version 2025-03-26, a list of such messages.
 */
import { asArray, asObject, asString, type JsonObject, parseJson } from '../../common/json.ts';

export interface ToolCallRequest {
  /** JSON text. */
  readonly rpcId: string;
  readonly toolName: string;
  readonly toolCallId: string;
  readonly arguments: unknown;
}

/** Messages of one list that are looked at. */
const MESSAGES_MAX = 1000;

/** Clients that pass a model's tool call on name its id in a member of their own, such as `claudecode/toolUseId`. */
function toolCallIdOf(meta: JsonObject | null): string {
  for (const [name, value] of Object.entries(meta ?? {})) {
    if (typeof value === 'string' && /tool_?(use|call)_?id$/i.test(name)) return value;
  }
  return '';
}

function toolCallOf(message: JsonObject | null): ToolCallRequest | null {
  if (message?.jsonrpc !== '2.0' || message.method !== 'tools/call') return null;
  const params = asObject(message.params);
  if (params === null || (typeof message.id !== 'string' && typeof message.id !== 'number')) return null;
  return {
    rpcId: JSON.stringify(message.id),
    toolName: asString(params.name),
    toolCallId: toolCallIdOf(asObject(params._meta)),
    arguments: params.arguments ?? {},
  };
}

/** The tools that a body asks to run; empty for any other body. Never throws. */
export function readToolCalls(body: Buffer): readonly ToolCallRequest[] {
  if (!body.includes('"jsonrpc"') || !body.includes('tools/call')) return [];
  const json = parseJson(body.toString('utf8'));
  const calls: ToolCallRequest[] = [];
  for (const message of Array.isArray(json) ? asArray(json).slice(0, MESSAGES_MAX) : [json]) {
    const call = toolCallOf(asObject(message));
    if (call !== null) calls.push(call);
  }
  return calls;
}

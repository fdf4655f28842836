/** Responses whose requests bring what is new only, behind `previous_response_id`. */
import type { Body, Outgoing, WireClient } from '../client.ts';
import { responsesSdk } from './plain.ts';

const isAnswer = (item: unknown): boolean => {
  const { role, type } = item as { readonly role?: string; readonly type?: string };
  return role === 'assistant' || type === 'function_call';
};

function dress(body: Body, { line }: Outgoing): Body {
  if (line.lastResponseId === '') return body;
  const input = body.input as unknown[];
  return { ...body, input: input.slice(input.findLastIndex(isAnswer) + 1), previous_response_id: line.lastResponseId };
}

export const chained: WireClient = { ...responsesSdk, dress };

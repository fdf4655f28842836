/** An alert in the words and forms that receivers share. */
import type { Finding } from '../../../schemas/story.ts';
import { oneLine } from '../alert.ts';
import type { AlertNews } from '../notification.ts';

const CONTENT_CHARS_MAX = 300;

/** Evidence as annotations; never content of the traffic, unless the news carry it. */
export function annotationsOf({ alert: { finding, labels, identity }, content }: AlertNews): Record<string, string> {
  const annotations: Record<string, string> = {
    summary: oneLine(finding.summary),
    occurrences: String(finding.occurrences),
    first_seen: isoTime(finding.firstSeen),
    last_seen: isoTime(finding.lastSeen),
  };
  if (finding.wastedCalls > 0) annotations.wasted_calls = String(finding.wastedCalls);
  if (finding.wastedTokens > 0) annotations.wasted_tokens = String(finding.wastedTokens);
  if (finding.wastedCostUsd > 0) annotations.wasted_cost_usd = finding.wastedCostUsd.toFixed(4);
  const lastCall = finding.callIds.at(-1);
  if (lastCall !== undefined) annotations.last_call = lastCall;
  // What the detector measured changes as it goes on: no label for who goes by labels.
  for (const [name, value] of Object.entries(labels)) {
    if (!Object.hasOwn(identity, name) && !Object.hasOwn(annotations, name)) annotations[name] = value;
  }
  if (content !== undefined) {
    annotations.prompt = oneLine(content.prompt, CONTENT_CHARS_MAX);
    annotations.answer = oneLine(content.answer, CONTENT_CHARS_MAX);
  }
  return annotations;
}

/** RFC 3339 with milliseconds. */
export function isoTime(micros: number): string {
  const date = new Date(micros / 1000);
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString();
}

/** Where a finding is found; '' without a base. */
export function findingUrl(externalUrl: string, finding: Finding): string {
  if (externalUrl === '') return '';
  return `${externalUrl.replace(/\/+$/, '')}/api/v1/findings/${finding.findingId}`;
}

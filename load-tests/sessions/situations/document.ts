/**
 * docs/detectors.md: what the detectors count, and the labelled situations that they are tested by. After a change:
 *
 *     sh scripts/node.sh load-tests/sessions/situations/document.ts
 */
import { writeFileSync } from 'node:fs';
import { DETECTOR_DEFAULTS, DETECTOR_UNITS, type DetectorKind } from '../../../services/tracker/detectors/settings.ts';
import { SITUATIONS } from './index.ts';
import type { Situation } from './situation.ts';

const PAGE = new URL('../../../docs/detectors.md', import.meta.url);

const cells = (...values: readonly (string | number)[]): string => `| ${values.join(' | ')} |`;

function kindRow(kind: DetectorKind): string {
  const { note, alert, critical } = DETECTOR_DEFAULTS.thresholds[kind];
  return cells(`\`${kind}\``, DETECTOR_UNITS[kind], note, alert, critical);
}

function situationRow({ name, what, expects, why, clients }: Situation): string {
  const found = expects.map(({ kind, level, occurrences }) => `\`${kind}\` ${level}, ${occurrences}`);
  const played = clients.map(({ agentId, clientName }) => agentId || clientName);
  return cells(name, what, found.join('; ') || 'none', why, played.join(', '));
}

export function detectorsPage(): string {
  const kinds = Object.keys(DETECTOR_DEFAULTS.thresholds) as DetectorKind[];
  return `${[
    '# Detectors',
    '',
    '<!-- Generated: sh scripts/node.sh load-tests/sessions/situations/document.ts -->',
    '',
    'What agents do again and again is in the table `findings`: one row a session and fingerprint, updated as it goes on, resolved when the',
    'agent moves on or has been quiet for a while. From how many occurrences on a finding has which level:',
    '',
    cells('kind', 'counts', 'note', 'alert', 'critical'),
    cells('---', '---', '---', '---', '---'),
    ...kinds.map(kindRow),
    '',
    '## Labelled situations',
    '',
    'Each is played by the named clients as packets, read by all stages, stored and tracked; exactly the findings in the table must come out',
    '(`npm test -- load-tests/sessions/situations/situations.test.ts`), also when every connection is read by a consumer of its own.',
    '',
    cells('situation', 'what happens', 'findings: kind, level, occurrences', 'why', 'played by'),
    cells('---', '---', '---', '---', '---'),
    ...SITUATIONS.map(situationRow),
  ].join('\n')}\n`;
}

if (import.meta.main) writeFileSync(PAGE, detectorsPage());

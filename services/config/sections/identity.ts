/** Who is who. */

import { z } from 'zod';
import { IDENTITY_DEFAULTS } from '../../identity/mapping.ts';
import { headerNames, text } from '../fields.ts';

export const identity = z
  .strictObject({
    fingerprintKeyFile: text(
      '',
      'File with the key of the credential fingerprints (any bytes, at least 16). Empty: fingerprint.key in the data folder, made at random on first use. Share one file among probes to compare their fingerprints.',
    ),
    headers: z
      .strictObject({
        agentId: headerNames(IDENTITY_DEFAULTS.agentId, 'Request headers that name the agent, the most trusted first.'),
        sessionId: headerNames(IDENTITY_DEFAULTS.sessionId, 'Request headers that name the session or conversation.'),
        userId: headerNames(IDENTITY_DEFAULTS.userId, 'Request headers that name the user.'),
        teamId: headerNames(IDENTITY_DEFAULTS.teamId, 'Request headers that name the team.'),
        requestId: headerNames(
          IDENTITY_DEFAULTS.requestId,
          'Headers (of the request, else of the response) that name the request.',
        ),
      })
      .prefault({}),
  })
  .prefault({})
  .describe('Attribution: which header tells which column.');

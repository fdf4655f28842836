/**
 * The clients' process: runs all agents against the fake server whose address is the only argument. They run in their own
 * process so that they and the server share nothing but the wire.
 */
import { codeReviewer } from './anthropic-agents.ts';
import { nightlyScript, translator } from './gemini-agents.ts';
import { opsLoop, reportWriter, researchAgent, supportBot } from './openai-agents.ts';

const url = process.argv[2];
if (url === undefined) throw new Error('The address of the fake server is missing: clients.ts http://127.0.0.1:PORT');

const agents = { supportBot, codeReviewer, researchAgent, translator, nightlyScript, opsLoop, reportWriter };
const results = await Promise.allSettled(Object.values(agents).map((agent) => agent(url)));
results.forEach((result, at) => {
  if (result.status === 'rejected') {
    process.exitCode = 1;
    process.stderr.write(`${Object.keys(agents)[at]}: ${String((result.reason as Error).stack)}\n`);
  }
});

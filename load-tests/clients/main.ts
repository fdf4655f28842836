/** The clients' process: they and the servers share nothing but the wire. `main.ts LLM_URL TOOLS_URL TOOLS_URL` */
import { bedrock, cohere, completions, mistral, ollama } from './llm-clients.ts';
import { runTools } from './mcp.ts';

const [llm = '', ...tools] = process.argv.slice(2);
const work = { ollama, bedrock, cohere, mistral, completions };
const results = await Promise.allSettled([
  ...Object.values(work).map((client) => client(llm)),
  ...tools.map((url) => runTools(url)),
]);
for (const result of results) {
  if (result.status === 'fulfilled') continue;
  process.exitCode = 1;
  process.stderr.write(`${String((result.reason as Error).stack)}\n`);
}

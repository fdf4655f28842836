/** The agent that uses `@google/genai`, and one script that calls the same API by hand with its key in the query. */
import { type Content, GoogleGenAI, type Part } from '@google/genai';
import { PLANTED } from './credentials.ts';
import { identity, TOOLS, toolSchema } from './identity.ts';
import { runTool, type Story, TRANSLATOR, TROUBLE } from './stories.ts';

async function answer(ai: GoogleGenAI, story: Story, contents: Content[], stream: boolean): Promise<Part[]> {
  const request = {
    model: 'gemini-2.5-flash',
    contents,
    config: {
      systemInstruction: 'You translate technical texts. Use the glossary.',
      tools: [
        {
          functionDeclarations: [
            {
              name: 'glossary',
              description: TOOLS.glossary!.description,
              parametersJsonSchema: toolSchema('glossary'),
            },
          ],
        },
      ],
      httpOptions: { headers: identity(story) },
    },
  };
  if (!stream) return (await ai.models.generateContent(request)).candidates?.[0]?.content?.parts ?? [];
  const parts: Part[] = [];
  for await (const chunk of await ai.models.generateContentStream(request)) {
    parts.push(...(chunk.candidates?.[0]?.content?.parts ?? []));
  }
  return parts;
}

async function turn(ai: GoogleGenAI, story: Story, contents: Content[], stream: boolean): Promise<void> {
  for (;;) {
    const parts = await answer(ai, story, contents, stream);
    contents.push({ role: 'model', parts });
    const calls = parts.flatMap((part) => part.functionCall ?? []);
    if (calls.length === 0) return;
    contents.push({
      role: 'user',
      parts: calls.map(({ id, name = '', args = {} }) => ({
        functionResponse: { ...(id === undefined ? {} : { id }), name, response: { output: runTool(name, args) } },
      })),
    });
  }
}

export async function translator(url: string): Promise<void> {
  const ai = new GoogleGenAI({
    apiKey: PLANTED.gemini,
    httpOptions: { baseUrl: url, headers: { 'x-agent-id': 'translator' } },
  });
  for (const [at, story] of TRANSLATOR.entries()) {
    const contents: Content[] = [];
    for (const [number, { prompt }] of story.turns.entries()) {
      contents.push({ role: 'user', parts: [{ text: prompt }] });
      await turn(ai, story, contents, (at + number) % 2 === 0);
    }
  }
}

/** Two attempts of a script without an SDK: the first gets a 500. */
export async function nightlyScript(url: string): Promise<void> {
  await fetch(`${url}/healthz`, { headers: { cookie: `sid=${PLANTED.cookie}` } });
  for (let attempt = 0; attempt < 2; attempt++) {
    const response = await fetch(`${url}/v1beta/models/gemini-2.5-flash:generateContent?key=${PLANTED.geminiQuery}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-agent-id': 'nightly-script', cookie: `sid=${PLANTED.cookie}` },
      body: JSON.stringify({ contents: [{ role: 'user', parts: [{ text: TROUBLE.broken.prompt }] }] }),
    });
    await response.text();
  }
}

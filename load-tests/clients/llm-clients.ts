/** Vendors' own clients, asking the fake server for what its models do. Their types are written down as far as they are used. */
import OpenAI from 'openai';
import { load } from './packages.ts';

/** What the fake server does with each model's name: scenario.ts. */
const MODELS = ['fake-plain', 'fake-tool', 'fake-parallel', 'fake-reasoning', 'fake-length', 'fake-429'];
const PROMPT = 'Weather – and time?';
const TOOL = { type: 'object', properties: { query: { type: 'string' } } };

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

/** Failures are among what the server is asked for. */
async function settle(work: () => Promise<unknown>): Promise<void> {
  await work().catch(() => undefined);
}

interface OllamaModule {
  readonly Ollama: new (options: {
    host: string;
  }) => {
    chat(request: object): Promise<AsyncIterable<unknown>>;
  };
}

export async function ollama(url: string): Promise<void> {
  const { Ollama } = await load<OllamaModule>('ollama');
  const client = new Ollama({ host: url });
  const tools = [{ type: 'function', function: { name: 'lookup', description: 'Looks up.', parameters: TOOL } }];
  const messages = [{ role: 'user', content: PROMPT }];
  for (const model of MODELS) {
    await settle(async () => drain(await client.chat({ model, messages, tools, stream: true })));
    await settle(() => client.chat({ model, messages, stream: false, options: { num_predict: 64 } }));
  }
}

interface BedrockModule {
  readonly BedrockRuntimeClient: new (options: object) => { send(command: object): Promise<Record<string, unknown>> };
  readonly ConverseCommand: new (input: object) => object;
  readonly ConverseStreamCommand: new (input: object) => object;
  readonly InvokeModelCommand: new (input: object) => object;
  readonly InvokeModelWithResponseStreamCommand: new (input: object) => object;
}

export async function bedrock(url: string): Promise<void> {
  const aws = await load<BedrockModule>('@aws-sdk/client-bedrock-runtime');
  const { NodeHttpHandler } = await load<{ NodeHttpHandler: new () => object }>('@smithy/node-http-handler');
  const client = new aws.BedrockRuntimeClient({
    region: 'us-east-1',
    endpoint: url,
    credentials: { accessKeyId: 'AKIDMADEUP', secretAccessKey: 'made-up' },
    // By itself the client speaks HTTP/2.
    requestHandler: new NodeHttpHandler(),
    maxAttempts: 1,
  });
  const toolSpec = { name: 'lookup', description: 'Looks up.', inputSchema: { json: TOOL } };
  const anthropic = { anthropic_version: 'bedrock-2023-05-31', max_tokens: 64 };
  for (const modelId of MODELS) {
    const input = {
      modelId,
      messages: [{ role: 'user', content: [{ text: PROMPT }] }],
      system: [{ text: 'Be kind.' }],
      toolConfig: { tools: [{ toolSpec }] },
    };
    await settle(() => client.send(new aws.ConverseCommand(input)));
    await settle(async () => {
      const { stream } = await client.send(new aws.ConverseStreamCommand(input));
      await drain(stream as AsyncIterable<unknown>);
    });
    const body = JSON.stringify({ ...anthropic, messages: [{ role: 'user', content: PROMPT }] });
    const invoke = { modelId: `anthropic.${modelId}`, body, contentType: 'application/json' };
    await settle(() => client.send(new aws.InvokeModelCommand(invoke)));
    await settle(async () => {
      const { body: stream } = await client.send(new aws.InvokeModelWithResponseStreamCommand(invoke));
      await drain(stream as AsyncIterable<unknown>);
    });
  }
}

interface CohereModule {
  readonly CohereClientV2: new (
    options: object,
  ) => {
    chat(request: object, options: object): Promise<unknown>;
    chatStream(request: object, options: object): Promise<AsyncIterable<unknown>>;
  };
}

export async function cohere(url: string): Promise<void> {
  const { CohereClientV2 } = await load<CohereModule>('cohere-ai');
  const client = new CohereClientV2({ token: 'made-up', environment: url });
  const tools = [{ type: 'function', function: { name: 'lookup', description: 'Looks up.', parameters: TOOL } }];
  for (const model of MODELS) {
    const request = { model, messages: [{ role: 'user', content: PROMPT }], tools };
    await settle(() => client.chat(request, { maxRetries: 0 }));
    await settle(async () => drain(await client.chatStream(request, { maxRetries: 0 })));
  }
}

interface MistralModule {
  readonly Mistral: new (
    options: object,
  ) => {
    readonly chat: {
      complete(request: object): Promise<unknown>;
      stream(request: object): Promise<AsyncIterable<unknown>>;
    };
  };
}

export async function mistral(url: string): Promise<void> {
  const { Mistral } = await load<MistralModule>('@mistralai/mistralai');
  const client = new Mistral({ apiKey: 'made-up', serverURL: url });
  // It refuses streamed arguments that come without the tool's name, as OpenAI sends them.
  for (const model of MODELS.filter((each) => !/tool|parallel/.test(each))) {
    const request = { model, messages: [{ role: 'user', content: PROMPT }] };
    await settle(() => client.chat.complete(request));
    await settle(async () => drain(await client.chat.stream(request)));
  }
}

/** Completions without tools; the other APIs of this client are among the recorded samples. */
export async function completions(url: string): Promise<void> {
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'made-up', maxRetries: 0 });
  for (const model of ['fake-plain', 'fake-length', 'fake-429', 'fake-gzip']) {
    const request = { model, prompt: PROMPT, max_tokens: 64 };
    await settle(() => client.completions.create(request));
    await settle(async () => drain(await client.completions.create({ ...request, stream: true })));
    const asked = { ...request, stream: true, stream_options: { include_usage: true } } as const;
    await settle(async () => drain(await client.completions.create(asked)));
  }
}

// Walks the API with @openrouter/sdk, whose schemas check every answer. Prints one JSON line for each step.
import { OpenRouter } from "@openrouter/sdk";

const [serverURL, apiKey, model, stranger] = process.argv.slice(2);
const [author, slug] = model.split("/");
const client = new OpenRouter({ serverURL, apiKey, retryConfig: { strategy: "none" }, timeoutMs: 20000 });
const messages = [{ role: "user", content: "Say hello." }];
const asked = {
  model: "lab/none",
  models: [model],
  messages,
  sessionId: "mine",
  provider: {
    order: ["near"],
    only: ["near", "OpenAI"],
    ignore: ["Azure"],
    allowFallbacks: true,
    requireParameters: false,
    dataCollection: "allow",
    zdr: false,
    enforceDistillableText: false,
    quantizations: ["unknown", "fp8"],
    sort: { by: "price", partition: "none" },
    maxPrice: { prompt: "100", completion: "100", request: "1" },
    preferredMinThroughput: { p50: 0.001 },
    preferredMaxLatency: 30,
  },
  reasoning: { effort: "low" },
};
const all = async (items) => {
  const found = [];
  for await (const item of items) found.push(item);
  return found;
};

let generation;
const steps = {
  whole: async () => {
    const answer = await client.chat.send({ chatRequest: asked });
    generation = answer.id;
    return answer;
  },
  stream: async () => all(await client.chat.send({ chatRequest: { ...asked, stream: true } })),
  tools: async () => all(await client.chat.send({ chatRequest: { model: "near/tools", messages, stream: true } })),
  breaks: async () => all(await client.chat.send({ chatRequest: { model: "near/breaks", messages, stream: true } })),
  unknown: async () => client.chat.send({ chatRequest: { model: "lab/none", messages } }),
  dear: async () => client.chat.send({ chatRequest: { ...asked, provider: { maxPrice: { prompt: "0.0001" } } } }),
  misspelt: async () => client.chat.send({ chatRequest: { ...asked, provider: { only: ["nearr"] } } }),
  refused: async () => client.chat.send({ chatRequest: { ...asked, plugins: [{ id: "web" }] } }),
  models: async () => (await all(await client.models.list())).flatMap((page) => page.result.data),
  count: async () => client.models.count(),
  model: async () => client.models.get({ author, slug }),
  endpoints: async () => client.endpoints.list({ author, slug }),
  unpriced: async () => client.chat.send({ chatRequest: { model: stranger, messages } }),
  key: async () => client.apiKeys.getCurrentKeyMetadata(),
  credits: async () => client.credits.getCredits(),
  providers: async () => client.providers.list(),
  generation: async () => client.generations.getGeneration({ id: generation }),
  response: async () => client.beta.responses.send({ responsesRequest: { model, input: "Hello." } }),
  events: async () => all(await client.beta.responses.send({ responsesRequest: { model, input: "Hello.", stream: true } })),
  callModel: async () => client.callModel({ model, input: "Hello." }).getText(),
  embeddings: async () => client.embeddings.generate({ requestBody: { model, input: "Hello." } }),
};

for (const [step, run] of Object.entries(steps)) {
  try {
    console.log(JSON.stringify({ step, value: await run() }));
  } catch (error) {
    const { name, message, statusCode } = error;
    console.log(JSON.stringify({ step, error: { name, message, status: statusCode, cause: error.cause?.message } }));
  }
}

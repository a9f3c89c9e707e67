// Asks through @openrouter/ai-sdk-provider and `ai`. Prints one JSON line for each step.
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { embed, generateText, jsonSchema, stepCountIs, streamText, tool } from "ai";

const [baseURL, apiKey, model] = process.argv.slice(2);
const openrouter = createOpenRouter({ baseURL, apiKey });
const options = { usage: { include: true }, reasoning: { effort: "low" }, provider: { order: ["near"] }, models: ["lab/none"] };
const settings = { prompt: "Say hello.", maxRetries: 0 };
const city = jsonSchema({ type: "object", properties: { city: { type: "string" } }, required: ["city"] });
const weather = tool({ description: "The weather", inputSchema: city, execute: async ({ city }) => `rain in ${city}` });

const steps = {
  whole: async () => {
    const answer = await generateText({ model: openrouter.chat(model, options), ...settings });
    const { text, finishReason, usage, providerMetadata, response } = answer;
    return { text, finishReason, usage, metadata: providerMetadata.openrouter, id: response.id };
  },
  stream: async () => {
    const answer = streamText({ model: openrouter.chat(model, options), ...settings });
    const { openrouter: metadata } = await answer.providerMetadata;
    return { text: await answer.text, usage: await answer.usage, finishReason: await answer.finishReason, metadata };
  },
  thought: async () => {
    const answer = streamText({ model: openrouter.chat("near/thinks"), ...settings });
    return { text: await answer.text, thought: await answer.reasoningText };
  },
  tools: async () => {
    const stopWhen = stepCountIs(2);
    const answer = await generateText({ model: openrouter.chat("near/tools"), tools: { weather }, stopWhen, ...settings });
    return { text: answer.text, steps: answer.steps.length, results: answer.steps[0].toolResults.map((one) => one.output) };
  },
  breaks: async () => {
    const errors = [];
    const answer = streamText({ model: openrouter.chat("near/breaks"), ...settings, onError: ({ error }) => errors.push(error) });
    let text = "";
    for await (const part of answer.textStream) text += part;
    return { text, errors: errors.map((error) => error.message ?? String(error)) };
  },
  unknown: async () => generateText({ model: openrouter.chat("lab/none"), ...settings }),
  completion: async () => (await generateText({ model: openrouter.completion(model), ...settings })).text,
  embedding: async () => (await embed({ model: openrouter.textEmbeddingModel(model), value: "Hello." })).embedding,
};

for (const [step, run] of Object.entries(steps)) {
  try {
    console.log(JSON.stringify({ step, value: await run() }));
  } catch (error) {
    const { name, message, statusCode } = error;
    console.log(JSON.stringify({ step, error: { name, message, status: statusCode, cause: error.cause?.message } }));
  }
}

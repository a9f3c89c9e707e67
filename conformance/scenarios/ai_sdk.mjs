// The Vercel AI SDK with its openai-compatible, openai (chat, Responses) and anthropic providers.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, embedMany, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

const { CONFORMANCE_BASE_URL: baseURL, CONFORMANCE_KEY: apiKey, CONFORMANCE_MODEL: name } = process.env;
const openai = createOpenAI({ baseURL, apiKey });
const compatible = createOpenAICompatible({
  name: "gateway", baseURL, apiKey, includeUsage: true, supportsStructuredOutputs: true,
});
const models = {
  "openai-compatible": compatible.chatModel(name),
  "openai chat": openai.chat(name),
  "openai responses": openai.responses(name),
  anthropic: createAnthropic({ baseURL, apiKey })("claude-scripted"),
};
const hello = "You asked: Say hello to me. This is the scripted answer.";
const weather = tool({
  description: "The weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `rain in ${city}`,
});
const city = z.object({ name: z.string(), people: z.number() });

for (const [kind, model] of Object.entries(models)) {
  describe(kind, () => {
    test(`${kind}: text and usage`, async () => {
      const said = await generateText({ model, prompt: "Say hello to me.", maxRetries: 0 });
      assert.equal(said.text, hello);
      assert.equal(said.finishReason, "stop");
      assert.ok(said.usage.inputTokens > 0 && said.usage.outputTokens > 0);
    });

    test(`${kind}: a stream in pieces, with usage`, async () => {
      const stream = streamText({ model, prompt: "Say hello to me.", maxRetries: 0 });
      const pieces = [];
      for await (const piece of stream.textStream) pieces.push(piece);
      assert.equal(pieces.join(""), hello);
      assert.ok(pieces.length > 3);
      assert.ok((await stream.usage).outputTokens > 0);
    });

    test(`${kind}: a tool's loop`, async () => {
      const said = await generateText({
        model, prompt: "What is the weather in Oslo?", tools: { weather }, stopWhen: isStepCount(3), maxRetries: 0,
      });
      assert.equal(said.steps[0].toolCalls[0].input.city, "Oslo");
      assert.ok(said.text.startsWith("The tool said: "));
      assert.ok(said.text.includes("rain in Oslo"));
    });

    test(`${kind}: a tool's loop in a stream`, async () => {
      const stream = streamText({
        model, prompt: "What is the weather in Oslo?", tools: { weather }, stopWhen: isStepCount(3), maxRetries: 0,
      });
      assert.ok((await stream.text).includes("rain in Oslo"));
      assert.equal((await stream.steps).length, 2);
    });

    test(`${kind}: tools at once`, async () => {
      const said = await generateText({
        model, prompt: "What is the weather in both Oslo and Rome?", tools: { weather }, maxRetries: 0,
      });
      assert.deepEqual(said.toolCalls.map((call) => call.input.city).sort(), ["Oslo", "Rome"]);
    });

    test(`${kind}: an answer by a schema`, async () => {
      const said = await generateText({
        model, prompt: "The city named Oslo with 700000 people.", output: Output.object({ schema: city }), maxRetries: 0,
      });
      assert.deepEqual(said.output, { name: "Oslo", people: 700000 });
    });

    test(`${kind}: an error is told as one`, async () => {
      const stranger = kind === "anthropic" ? createAnthropic({ baseURL, apiKey })("no-such-model")
        : kind === "openai responses" ? openai.responses("no-such-model")
        : kind === "openai chat" ? openai.chat("no-such-model") : compatible.chatModel("no-such-model");
      await assert.rejects(
        generateText({ model: stranger, prompt: "Hello", maxRetries: 0 }),
        (error) => error.statusCode === 404 && error.message.includes("no-such-model"),
      );
    });
  });
}

test("openai: embeddings", async () => {
  const { embeddings } = await embedMany({ model: openai.embedding(name), values: ["one", "two"], maxRetries: 0 });
  assert.equal(embeddings.length, 2);
  assert.ok(embeddings[0].length > 1 && embeddings[0].every(Number.isFinite));
});

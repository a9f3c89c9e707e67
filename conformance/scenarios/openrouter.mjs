// OpenRouter's own packages, with only the address changed: @openrouter/sdk checks every answer against its schemas.

import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenRouter } from "@openrouter/ai-sdk-provider";
import { OpenRouter } from "@openrouter/sdk";
import { generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";

const { CONFORMANCE_ROOT: root, CONFORMANCE_KEY: apiKey, CONFORMANCE_MODEL: model } = process.env;
const sdk = new OpenRouter({ serverURL: `${root}/api/v1`, apiKey, retryConfig: { strategy: "none" } });
const provider = createOpenRouter({ baseURL: `${root}/api/v1`, apiKey });
const hello = "You asked: Say hello to me. This is the scripted answer.";
const messages = [{ role: "user", content: "Say hello to me." }];
const weather = tool({
  description: "The weather of a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `rain in ${city}`,
});

test("sdk: chat, whole", async () => {
  const said = await sdk.chat.send({ chatRequest: { model, messages, stream: false } });
  assert.equal(said.choices[0].message.content, hello);
  assert.ok(said.usage.promptTokens > 0);
});

test("sdk: chat, as a stream", async () => {
  const stream = await sdk.chat.send({ chatRequest: { model, messages, stream: true } });
  let text = "";
  for await (const chunk of stream) text += chunk.choices[0]?.delta?.content ?? "";
  assert.equal(text, hello);
});

test("sdk: the first model is unknown, the next answers", async () => {
  const said = await sdk.chat.send({ chatRequest: { models: ["no/such-model", model], messages, stream: false } });
  assert.equal(said.choices[0].message.content, hello);
});

test("sdk: models", async () => {
  const pages = await sdk.models.list();
  const found = [];
  for await (const page of pages) found.push(...page.result.data);
  assert.ok(found.some((each) => each.id === model));
});

test("sdk: how many models", async () => {
  assert.ok((await sdk.models.count()).data.count > 0);
});

test("sdk: who serves a model", async () => {
  const { data } = await sdk.endpoints.list({ author: "lab", slug: "scripted" });
  assert.equal(data.id, "lab/scripted");
  assert.ok(data.endpoints.length > 0);
});

test("sdk: providers", async () => {
  assert.ok((await sdk.providers.list()).data.length > 0);
});

test("sdk: the key", async () => {
  assert.equal(typeof (await sdk.apiKeys.getCurrentKeyMetadata()).data.usage, "number");
});

test("sdk: credits", async () => {
  assert.equal(typeof (await sdk.credits.getCredits()).data.totalUsage, "number");
});

test("sdk: what became of an answer", async () => {
  const said = await sdk.chat.send({ chatRequest: { model, messages, stream: false } });
  const { data } = await sdk.generations.getGeneration({ id: said.id });
  assert.equal(data.id, said.id);
  assert.ok(data.totalCost > 0);
});

test("sdk: embeddings", async () => {
  const said = await sdk.embeddings.generate({ requestBody: { model, input: "some words" } });
  assert.ok(said.data[0].embedding.length > 1);
});

test("ai-sdk-provider: text, usage and cost", async () => {
  const said = await generateText({
    model: provider.chat(model, { usage: { include: true } }), prompt: "Say hello to me.", maxRetries: 0,
  });
  assert.equal(said.text, hello);
  assert.ok(said.usage.outputTokens > 0);
  assert.ok(said.providerMetadata.openrouter.usage.cost > 0);
});

test("ai-sdk-provider: a stream", async () => {
  const stream = streamText({ model: provider.chat(model), prompt: "Say hello to me.", maxRetries: 0 });
  assert.equal(await stream.text, hello);
});

test("ai-sdk-provider: a tool's loop in a stream", async () => {
  const stream = streamText({
    model: provider.chat(model), prompt: "What is the weather in Oslo?", tools: { weather },
    stopWhen: isStepCount(3), maxRetries: 0,
  });
  assert.ok((await stream.text).includes("rain in Oslo"));
});

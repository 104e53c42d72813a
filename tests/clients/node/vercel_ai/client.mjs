// Vercel's ai with @ai-sdk/openai-compatible: objects, tools in a loop, streams.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { MODEL, URL_, ensure, run, weather } from "./checks.mjs";

const provider = createOpenAICompatible({
  name: "constrained",
  baseURL: URL_,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const model = provider(MODEL);
const City = z.object({ name: z.string().max(20), people: z.int().min(0), twin: z.string().max(9).optional() });
const common = { model, maxRetries: 0, maxOutputTokens: 150, temperature: 0 };

function tools(cities) {
  return {
    get_weather: tool({
      description: "The weather in a city",
      inputSchema: z.object({ city: z.string().max(20) }),
      execute: async ({ city }) => (cities.push(city), weather(city)),
    }),
  };
}

// The first step must call; then the model may answer.
const first_calls = ({ stepNumber }) => ({ toolChoice: stepNumber === 0 ? "required" : "none" });

await run({
  async an_object() {
    const made = await generateText({ ...common, prompt: "Paris", output: Output.object({ schema: City }) });
    return City.parse(made.output);
  },

  async a_loop_with_a_tool() {
    const cities = [];
    const made = await generateText({
      ...common,
      prompt: "What is the weather in Paris?",
      tools: tools(cities),
      prepareStep: first_calls,
      stopWhen: stepCountIs(2),
    });
    ensure(cities.length >= 1, "a call");
    ensure(made.steps.length === 2, "two steps");
    return [cities, made.text];
  },

  async a_streamed_loop() {
    const cities = [];
    const made = streamText({
      ...common,
      prompt: "What is the weather in Paris?",
      tools: tools(cities),
      prepareStep: first_calls,
      stopWhen: stepCountIs(2),
    });
    const kinds = new Set();
    for await (const part of made.fullStream) {
      if (part.type === "error") throw part.error;
      kinds.add(part.type);
    }
    ensure(cities.length >= 1, "a call");
    ensure(kinds.has("tool-input-delta"), "arguments as they come");
    return [cities, [...kinds]];
  },

  async a_streamed_object() {
    const made = streamText({ ...common, prompt: "Paris", output: Output.object({ schema: City }) });
    let pieces = 0;
    for await (const piece of made.partialOutputStream) pieces += piece !== undefined;
    ensure(pieces > 1, "pieces");
    return City.parse(await made.output);
  },
});

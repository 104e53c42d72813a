// @openai/agents: the runner's loop over chat completions and responses, typed results, streams.
import {
  Agent,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  run as runAgent,
  setTracingDisabled,
  tool,
} from "@openai/agents";
import OpenAI from "openai";
import { z } from "zod";
import { MODEL, URL_, ensure, run, weather } from "./checks.mjs";

setTracingDisabled(true);
const client = new OpenAI({ baseURL: URL_, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const models = [new OpenAIChatCompletionsModel(client, MODEL), new OpenAIResponsesModel(client, MODEL)];
const City = z.object({ name: z.string().max(20), people: z.number().int() });
const Report = z.object({ weather: z.string().max(20) }); // an answer in words may be cut, which the runner refuses
const settings = { temperature: 0, maxTokens: 150, parallelToolCalls: false };

function forecaster(model, cities) {
  const get_weather = tool({
    name: "get_weather",
    description: "The weather in a city",
    parameters: z.object({ city: z.string().max(20) }),
    execute: async ({ city }) => (cities.push(city), weather(city)),
  });
  const modelSettings = { ...settings, toolChoice: "required" };
  const toolUseBehavior = "stop_on_first_tool"; // this model would call again and again
  return new Agent({ name: "forecaster", model, tools: [get_weather], toolUseBehavior, modelSettings });
}

await run({
  async a_loop_with_a_tool() {
    const found = [];
    for (const model of models) {
      const cities = [];
      const made = await runAgent(forecaster(model, cities), "What is the weather in Oslo?", { maxTurns: 4 });
      ensure(cities.length >= 1, "a call");
      const speaker = new Agent({ name: "speaker", model, outputType: Report, modelSettings: settings });
      found.push([cities, Report.parse((await runAgent(speaker, made.history)).finalOutput)]);
    }
    return found;
  },

  async a_typed_result() {
    const found = [];
    for (const model of models) {
      const agent = new Agent({ name: "geographer", model, outputType: City, modelSettings: settings });
      found.push(City.parse((await runAgent(agent, "Paris")).finalOutput));
    }
    return found;
  },

  async streaming() {
    const found = [];
    for (const model of models) {
      const cities = [];
      const made = await runAgent(forecaster(model, cities), "What is the weather in Oslo?", {
        stream: true,
        maxTurns: 4,
      });
      let events = 0;
      for await (const _ of made) events++;
      await made.completed;
      ensure(cities.length >= 1, "a call");
      found.push([events, cities]);
    }
    return found;
  },
});

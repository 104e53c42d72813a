// openai-node: zod formats and functions, runTools, streams, responses.
import OpenAI from "openai";
import { zodFunction, zodResponseFormat, zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { MODEL, URL_, ensure, run, weather } from "./checks.mjs";

const client = new OpenAI({ baseURL: URL_, apiKey: "none", maxRetries: 0, timeout: 300_000 });
const messages = [{ role: "user", content: "What is the weather in Paris?" }];
const City = z.object({ name: z.string().max(20), size: z.enum(["s", "m"]), when: z.iso.date().nullable() });
const parameters = z.object({ city: z.string().max(20) });
const asked = { model: MODEL, temperature: 0, max_tokens: 150 };

await run({
  async parse() {
    const made = await client.chat.completions.parse({
      ...asked,
      messages,
      response_format: zodResponseFormat(City, "city"),
    });
    return City.parse(made.choices[0].message.parsed);
  },

  async a_function_is_parsed() {
    const made = await client.chat.completions.parse({
      ...asked,
      messages,
      tools: [zodFunction({ name: "get_weather", parameters })],
      tool_choice: "required",
      parallel_tool_calls: false,
    });
    const [call] = made.choices[0].message.tool_calls;
    return parameters.parse(call.function.parsed_arguments);
  },

  async run_tools() {
    const cities = [];
    const get_weather = ({ city }) => (cities.push(city), weather(city));
    const tool = zodFunction({ name: "get_weather", parameters, function: get_weather });
    const choice = { type: "function", function: { name: "get_weather" } };
    const runner = client.chat.completions.runTools({ ...asked, messages, tools: [tool], tool_choice: choice });
    await runner.done();
    ensure(cities.length === 1, "one call");
    return cities;
  },

  async run_tools_streamed() {
    const cities = [];
    const get_weather = ({ city }) => (cities.push(city), weather(city));
    const tool = zodFunction({ name: "get_weather", parameters, function: get_weather });
    const choice = { type: "function", function: { name: "get_weather" } };
    const runner = client.chat.completions.runTools({
      ...asked,
      messages,
      tools: [tool],
      tool_choice: choice,
      stream: true,
    });
    await runner.done();
    ensure(cities.length === 1, "one call");
    return cities;
  },

  async stream_helper() {
    const stream = client.chat.completions.stream({
      ...asked,
      messages,
      response_format: zodResponseFormat(City, "city"),
      stream_options: { include_usage: true },
    });
    let deltas = 0;
    stream.on("content.delta", () => deltas++);
    const made = await stream.finalChatCompletion();
    ensure(deltas > 3, "deltas");
    ensure(made.usage.completion_tokens > 3, "usage");
    return City.parse(made.choices[0].message.parsed);
  },

  async responses() {
    const made = await client.responses.parse({
      model: MODEL,
      input: "Paris",
      text: { format: zodTextFormat(City, "city") },
      max_output_tokens: 150,
    });
    const stream = client.responses.stream({ model: MODEL, input: "Hello", max_output_tokens: 8 });
    const kinds = [];
    for await (const event of stream) kinds.push(event.type);
    ensure(kinds.at(-1) === "response.incomplete" || kinds.at(-1) === "response.completed", "an end");
    return City.parse(made.output_parsed);
  },

  async errors_have_their_types() {
    try {
      await client.chat.completions.create({ ...asked, model: "gpt", messages });
    } catch (error) {
      ensure(error instanceof OpenAI.NotFoundError && error.code === "model_not_found", "a NotFoundError");
      return error.message;
    }
    throw new Error("no error for an unknown model");
  },
});

// The playground: a form becomes a request, its stream becomes tokens, a message and numbers.
//
//     form --body()--> fetch --events()--> token | data | progress | stats --> page

const $ = (id) => document.getElementById(id);
const WORDS = {
  sampled: "the model's own choice",
  changed: "the mask changed the choice",
  forced: "forced by the grammar",
  steered: "steered by the budget",
};
const LABELS = {
  tools: "Tools, as OpenAI has them",
  schema: "JSON Schema",
  regex: "Regular expression, for the whole answer",
  choice: "One text a line",
  lark: "Lark grammar",
};
const EXAMPLES = {
  tools: JSON.stringify([
    {type: "function", function: {
      name: "get_weather", description: "Get the current weather in a city",
      parameters: {type: "object", properties: {
        city: {type: "string", maxLength: 40}, unit: {enum: ["celsius", "fahrenheit"]}}, required: ["city", "unit"]}}},
    {type: "function", function: {
      name: "send_email", description: "Send an email to a person",
      parameters: {type: "object", properties: {
        to: {type: "string", format: "email"}, subject: {type: "string", maxLength: 60}}, required: ["to", "subject"]}}},
  ], null, 2),
  schema: JSON.stringify({
    type: "object",
    properties: {
      city: {type: "string", maxLength: 30}, country: {type: "string", maxLength: 30},
      population: {type: "integer", minimum: 1, maximum: 40000000}, capital: {type: "boolean"},
    },
    required: ["city", "country", "population", "capital"],
  }, null, 2),
  regex: "(sunny|cloudy|rainy), -?[0-9]{1,2} degrees",
  choice: "celsius\nfahrenheit\nkelvin",
  lark: 'start: sum\nsum: product ("+" product)*\nproduct: number ("*" number)*\nnumber: /[0-9]{1,3}/\n',
};

const texts = {...EXAMPLES};
let running = null; // the AbortController of the answer that is being streamed
let tokens = [];

// ------------------------------------------------------------------ the request

const kind = () => document.querySelector("input[name=kind]:checked").value;
const number = (id) => ($(id).value === "" ? undefined : Number($(id).value));

/** What is sent, as far as other clients would send it too. Throws SyntaxError for JSON that is none. */
function body() {
  const messages = [{role: "user", content: $("prompt").value}];
  if ($("system").value.trim()) messages.unshift({role: "system", content: $("system").value});
  const asked = {model: document.body.dataset.model, messages, temperature: number("temperature"),
    max_tokens: number("max-tokens"), seed: number("seed")};
  const text = $("editor").value;
  switch (kind()) {
    case "tools": {
      const choice = $("tool-choice").value;
      const named = {type: "function", function: {name: choice.slice(1)}};
      Object.assign(asked, {tools: JSON.parse(text), tool_choice: choice.startsWith("=") ? named : choice,
        parallel_tool_calls: $("parallel").checked});
      break;
    }
    case "schema":
      asked.response_format = {type: "json_schema", json_schema: {name: "answer", schema: JSON.parse(text)}};
      break;
    case "regex": asked.structured_outputs = {regex: text}; break;
    case "choice": asked.structured_outputs = {choice: text.split("\n").filter((line) => line)}; break;
    case "lark": asked.structured_outputs = {grammar: text}; break;
  }
  return JSON.parse(JSON.stringify(asked)); // without what is undefined
}

function asCurl(asked) {
  const quoted = JSON.stringify(asked, null, 2).replaceAll("'", "'\\''");
  const key = $("key").value ? '\n  -H "Authorization: Bearer $CONSTRAINED_API_KEY" \\' : "";
  return `curl ${location.origin}/v1/chat/completions \\${key}\n  -H 'Content-Type: application/json' \\\n  -d '${quoted}'`;
}

function asPython({structured_outputs: extra, ...asked}) {
  const fields = Object.entries(asked).map(([name, value]) => `    ${name}=${literal(value, 4)},`);
  if (extra) fields.push(`    extra_body=${literal({structured_outputs: extra}, 4)},`);
  const key = $("key").value ? 'os.environ["CONSTRAINED_API_KEY"]' : '"none"';
  return `${$("key").value ? "import os\n\n" : ""}from openai import OpenAI

client = OpenAI(base_url="${location.origin}/v1", api_key=${key})
answer = client.chat.completions.create(
${fields.join("\n")}
)
print(answer.choices[0].message)`;
}

/** A JSON value as Python writes it. */
function literal(value, indent) {
  const inner = " ".repeat(indent + 4);
  const close = `\n${" ".repeat(indent)}`;
  if (value === null) return "None";
  if (value === true || value === false) return value ? "True" : "False";
  if (typeof value !== "object") return JSON.stringify(value);
  if (JSON.stringify(value).length < 60) {
    return Array.isArray(value) ? `[${value.map((one) => literal(one, 0)).join(", ")}]`
      : `{${Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${literal(one, 0)}`).join(", ")}}`;
  }
  return Array.isArray(value) ? `[${value.map((one) => `\n${inner}${literal(one, indent + 4)},`).join("")}${close}]`
    : `{${Object.entries(value).map(([name, one]) => `\n${inner}${JSON.stringify(name)}: ${literal(one, indent + 4)},`).join("")}${close}}`;
}

/** Show the request as it stands, and say what is wrong with the editor's JSON. */
function refresh() {
  const note = $("editor-note");
  try {
    if (kind() === "tools") listTools(JSON.parse($("editor").value));
    const asked = body();
    const language = document.querySelector("input[name=language]:checked").value;
    $("request").textContent = language === "curl" ? asCurl(asked) : asPython(asked);
    note.textContent = "";
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    note.textContent = `not JSON: ${error.message}`;
  }
  note.classList.toggle("wrong", note.textContent !== "");
  $("run").disabled = running !== null || note.textContent !== "";
}

function listTools(tools) {
  const names = (Array.isArray(tools) ? tools : []).map((tool) => tool?.function?.name ?? tool?.name).filter(Boolean);
  const select = $("tool-choice");
  const before = select.value || "required";
  const options = [["required", "must call one"], ["auto", "may call, or answer in words"], ["none", "must not call"],
    ...names.map((name) => [`=${name}`, name])];
  select.replaceChildren(...options.map(([value, label]) => new Option(label, value)));
  select.value = options.some(([value]) => value === before) ? before : "required";
}

function chooseKind() {
  const chosen = kind();
  $("editing").hidden = chosen === "free";
  $("tool-settings").hidden = chosen !== "tools";
  if (chosen === "free") return refresh();
  $("editor-label").textContent = LABELS[chosen];
  $("editor").value = texts[chosen];
  $("editor").rows = Math.min(16, Math.max(4, texts[chosen].split("\n").length + 1));
  return refresh();
}

// ------------------------------------------------------------------ the stream

/** Server-sent events, comments included: {data} or {comment, text}. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    held += value;
    const blocks = held.split("\n\n");
    held = blocks.pop();
    for (const block of blocks) {
      if (block.startsWith("data: ")) yield {data: block.slice(6)};
      else if (block.startsWith(": ")) {
        const [comment] = block.slice(2).split(" ", 1);
        yield {comment, text: block.slice(3 + comment.length)};
      }
    }
  }
}

async function run() {
  if (running !== null || $("run").disabled) return;
  running = new AbortController();
  const began = performance.now();
  const seen = {message: {role: "assistant", content: null}, first: null};
  reset();
  try {
    const response = await fetch("v1/chat/completions", {
      method: "POST",
      headers: {"Content-Type": "application/json", ...authorization()},
      body: JSON.stringify({...body(), stream: true, observe: number("observe") ?? 0}),
      signal: running.signal,
    });
    if (!response.ok) throw await problem(response);
    for await (const event of events(response)) {
      if (event.comment === "token" && seen.first === null) seen.first = performance.now() - began;
      take(event, seen);
    }
    finish(seen, performance.now() - began);
  } catch (error) {
    if (error.name === "AbortError") say(`stopped after ${tokens.length} tokens`);
    else show(error);
  } finally {
    running = null;
    $("stop").disabled = true;
    refresh();
  }
}

const authorization = () => ($("key").value ? {Authorization: `Bearer ${$("key").value}`} : {});

async function problem(response) {
  const text = await response.text();
  try {
    const {message, param} = JSON.parse(text).error;
    return Object.assign(new Error(message), {status: response.status, param});
  } catch {
    return Object.assign(new Error(text || response.statusText), {status: response.status});
  }
}

function take({data, comment, text}, seen) {
  if (comment === "token") addToken(JSON.parse(text));
  if (comment === "prefill_progress") {
    const {processed_tokens: done, total_tokens: total} = JSON.parse(text);
    say(`reading the prompt: ${done} of ${total} tokens`);
  }
  if (comment === "generation_stats") seen.stats = JSON.parse(text);
  if (data === undefined || data === "[DONE]") return;
  const chunk = JSON.parse(data);
  if (chunk.error) throw Object.assign(new Error(chunk.error.message), {param: chunk.error.param});
  for (const {delta, finish_reason: reason} of chunk.choices) {
    fold(seen.message, delta);
    seen.reason = reason ?? seen.reason;
  }
}

/** Add a delta to the message, as every client of OpenAI's does. */
function fold(message, delta) {
  for (const name of ["content", "reasoning_content"]) {
    if (delta[name]) message[name] = (message[name] ?? "") + delta[name];
  }
  for (const {index, function: piece, ...more} of delta.tool_calls ?? []) {
    message.tool_calls ??= [];
    const call = (message.tool_calls[index] ??= {...more, function: {name: "", arguments: ""}});
    call.function.name += piece?.name ?? "";
    call.function.arguments += piece?.arguments ?? "";
  }
}

// ------------------------------------------------------------------ the page

const say = (text) => { $("status").textContent = text; };

function reset() {
  tokens = [];
  for (const id of ["text", "legend", "numbers"]) $(id).replaceChildren();
  for (const id of ["card", "problem", "result-part"]) $(id).hidden = true;
  $("run").disabled = true;
  $("stop").disabled = false;
  say("waiting");
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

const visible = (text) => text.replaceAll(" ", "␣").replaceAll("\n", "⏎").replaceAll("\t", "⇥");

function addToken(token) {
  const text = token.text ?? token.bytes.map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  const span = element("span", {className: `tok ${token.origin}`, tabIndex: tokens.length ? -1 : 0});
  span.append(text ? text.replaceAll("\n", "⏎\n") : element("span", {className: "name"}, token.name));
  span.dataset.step = tokens.length;
  span.setAttribute("aria-label", `${token.name}: ${WORDS[token.origin]}`);
  $("text").append(span);
  tokens.push({...token, span});
  say(`${tokens.length} tokens`);
  count();
  if (token.origin === "changed" && tokens.filter((one) => one.origin === "changed").length === 1) look(tokens.length - 1);
}

function count() {
  const counts = {};
  for (const {origin} of tokens) counts[origin] = (counts[origin] ?? 0) + 1;
  $("legend").replaceChildren(...Object.keys(WORDS).filter((origin) => counts[origin]).map((origin) =>
    element("li", {}, element("b", {className: `tok ${origin}`}, ` ${counts[origin]} `), ` ${WORDS[origin]}`)));
}

/** Show the card of a token: what was allowed, and what the model wanted. */
function look(step) {
  for (const {span} of tokens) span.classList.remove("shown");
  const token = tokens[step];
  token.span.classList.add("shown");
  const facts = element("p", {}, element("span", {}, `token ${step + 1} `, element("code", {}, visible(token.name))),
    element("b", {}, WORDS[token.origin]), element("span", {}, `${token.allowed.toLocaleString("en")} allowed`));
  $("card").replaceChildren(facts);
  $("card").hidden = false;
  if (!token.alternatives) {
    $("card").append(element("span", {className: "dim"}, "the model was not asked"));
    return;
  }
  facts.append(element("span", {}, `${((1 - token.kept) * 100).toFixed(1)}% of the probability removed`));
  if (token.wanted !== token.name) facts.append(element("span", {}, "it wanted ", element("code", {}, visible(token.wanted))));
  const rows = token.alternatives.map(({name, before, after}) => element("tr", {className: after ? "" : "out"},
    element("td", {}, element("code", {}, visible(name)), name === token.name ? " ←" : ""), element("td", {}, ...bar(before)),
    element("td", {className: "after"}, ...(after ? bar(after) : ["forbidden"]))));
  const head = element("tr", {}, ...["token", "before the mask", "after"].map((name) => element("th", {}, name)));
  $("card").append(element("table", {}, head, ...rows));
}

const bar = (share) => [element("progress", {className: "bar", max: 1, value: share}), `${(share * 100).toFixed(1)}%`];

function finish({message, reason, stats = {}, first}, total) {
  say(`finished: ${reason ?? "unknown"}`);
  if (message.tool_calls && !message.content) message.content = null;
  $("result").textContent = JSON.stringify(message, null, 2);
  $("result-part").hidden = false;
  const forced = tokens.filter(({origin}) => origin === "forced").length;
  const changed = tokens.filter(({origin}) => origin === "changed").length;
  const numbers = {
    "first token": first === null ? "–" : `${(first / 1000).toFixed(2)} s`,
    "whole answer": `${(total / 1000).toFixed(2)} s`,
    "tokens a second": stats.generation_tps ?? "–",
    "tokens": `${tokens.length}`,
    "forced": `${tokens.length ? Math.round(forced / tokens.length * 100) : 0}%`,
    "changed by the mask": `${changed}`,
    "prompt": `${stats.prompt_tokens ?? "–"}${stats.cached_tokens ? `, ${stats.cached_tokens} known` : ""}`,
  };
  $("numbers").replaceChildren(...Object.entries(numbers).map(([name, value]) =>
    element("div", {}, element("dt", {}, name), element("dd", {}, value))));
}

function show(error) {
  const place = error.param ? element("div", {}, "at ", element("code", {}, error.param)) : "";
  const reason = error.message.replace(`${error.param}: `, "");
  $("problem").replaceChildren(element("b", {}, error.status ? `${error.status} ` : ""), reason, place);
  $("problem").hidden = false;
  say(error.status === 400 ? "refused" : "failed");
  if (error.status === 401) $("key").closest("details").open = true;
}

async function greet() {
  const response = await fetch("v1/models", {headers: authorization()});
  if (!response.ok) throw await problem(response);
  const {data: [model]} = await response.json();
  document.body.dataset.model = model.id;
  $("model").textContent = model.id;
  refresh();
}

// ------------------------------------------------------------------ keys and clicks

$("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
$("stop").addEventListener("click", () => running?.abort());
$("kinds").addEventListener("change", chooseKind);
$("editor").addEventListener("input", () => { texts[kind()] = $("editor").value; });
$("ask").addEventListener("input", refresh);
$("languages").addEventListener("change", refresh);
$("key").addEventListener("change", () => greet().catch(show));
$("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText($("request").textContent);
  $("copy").textContent = "Copied";
  setTimeout(() => { $("copy").textContent = "Copy"; }, 1500);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
  if (event.key === "Escape") running?.abort();
});

/** The token that an event is about. */
const stepOf = (event) => Number(event.target.closest(".tok")?.dataset.step ?? NaN);

for (const name of ["mouseover", "focusin"]) {
  $("text").addEventListener(name, (event) => { if (!Number.isNaN(stepOf(event))) look(stepOf(event)); });
}
$("text").addEventListener("keydown", (event) => {
  const step = stepOf(event);
  const to = {ArrowRight: step + 1, ArrowDown: step + 1, ArrowLeft: step - 1, ArrowUp: step - 1, Home: 0,
    End: tokens.length - 1}[event.key];
  if (tokens[to] === undefined) return;
  event.preventDefault();
  tokens[step].span.tabIndex = -1;
  tokens[to].span.tabIndex = 0;
  tokens[to].span.focus();
});

chooseKind();
greet().catch(show);

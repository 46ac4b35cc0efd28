// The model behind the clients' test: an OpenAI-compatible server on loopback that plays one task with whatever tools it
// is offered. It reads a file, takes a word from what the tool returned, changes the file with that word, and says so.

/** The task's file, and what is in it. */
export const FILE = "notes.txt";
export const BEFORE = "status: open";
export const fileText = (word: string): string => `the word is ${word}\n${BEFORE}\n`;
export const after = (word: string): string => `status: closed by ${word}`;
export const TASK = `Read the file ${FILE}, then change its status as it says, and tell me the word.`;

interface Tool {
  readonly name: string;
  readonly properties: Readonly<Record<string, { readonly type?: unknown }>>;
  readonly required: readonly string[];
}

interface Message {
  readonly role: string;
  readonly content?: unknown;
  readonly tool_calls?: readonly { readonly function: { readonly name: string } }[];
}

interface Asked {
  readonly messages: readonly Message[];
  readonly tools?: readonly {
    readonly function: { readonly name: string; readonly parameters?: object };
  }[];
  readonly stream?: boolean;
}

/** What the model saw and did, for the report. */
export interface Play {
  readonly requests: number;
  readonly offered: readonly string[];
  readonly called: readonly string[];
  /** Of each call, what the client's tool returned, shortened. */
  readonly returned: readonly string[];
  readonly said: boolean;
}

export interface ScriptedModel {
  /** `http://127.0.0.1:PORT/v1` */
  readonly url: string;
  play(): Play;
  stop(): Promise<void>;
}

interface Call {
  readonly name: string;
  readonly arguments: object;
}

/** `path`: the file, absolute. `id`: the model's name. */
export function startModel(path: string, id: string): ScriptedModel {
  let requests = 0;
  let said = false;
  const offered = new Set<string>();
  let called: readonly string[] = [];
  let returned: readonly string[] = [];

  function next(asked: Asked): Call | string {
    const tools = (asked.tools ?? []).map(toTool);
    for (const { name } of tools) offered.add(name);
    // Clients also ask for a title or a summary, without tools.
    if (tools.length === 0 || !textOf(asked.messages).includes(TASK)) return "A small change";
    const calls = asked.messages.flatMap((message) => message.tool_calls ?? []);
    const results = asked.messages.filter(({ role }) => role === "tool").map(shownOf);
    called = calls.map((call) => call.function.name);
    returned = results;
    const word = /the word is (\w+)/.exec(results.join("\n"))?.[1];
    if (calls.length === 0)
      return reading(tools, path) ?? "I am offered no tool that reads a file.";
    if (word === undefined) return "The tool did not return the file.";
    if (calls.length === 1) return editing(tools, path, word) ?? "No tool of these edits a file.";
    said = true;
    return `The word is ${word}.`;
  }

  const server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    async fetch(request) {
      if (new URL(request.url).pathname.endsWith("/models")) {
        return Response.json({ object: "list", data: [{ id, object: "model" }] });
      }
      requests += 1;
      const asked = (await request.json()) as Asked;
      return new Response(answer(next(asked), requests), {
        headers: { "content-type": "text/event-stream" },
      });
    },
  });

  return {
    url: `http://127.0.0.1:${server.port}/v1`,
    play: () => ({
      requests,
      offered: [...offered],
      called,
      returned: returned.map((text) => text.replaceAll(/\s+/g, " ").slice(0, 200)),
      said,
    }),
    stop: () => server.stop(true),
  };
}

function toTool({ function: { name, parameters } }: NonNullable<Asked["tools"]>[number]): Tool {
  const { properties = {}, required = [] } = Object(parameters) as Partial<Tool>;
  return { name, properties, required };
}

const textOf = (messages: readonly Message[]): string =>
  messages.map(({ content }) => contentText(content)).join("\n");

const shownOf = ({ content }: Message): string => contentText(content);

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content.map((part: { readonly text?: string }) => part.text ?? "").join("\n");
}

/** Tools by their names, the most fitting first. */
const READERS = ["read_file", "read", "view", "readfile", "read_files"];
const EDITORS = ["edit", "replace", "str_replace", "edit_file", "replace_in_file", "editor"];
const PATCHERS = ["apply_patch"];
const SHELLS = [
  "bash",
  "shell",
  "exec_command",
  "run_shell_command",
  "execute_command",
  "run_commands",
];

function find(tools: readonly Tool[], names: readonly string[]): Tool | undefined {
  const found = names.map((name) => tools.find((tool) => tool.name.toLowerCase() === name));
  return found.find((tool) => tool !== undefined);
}

function reading(tools: readonly Tool[], path: string): Call | undefined {
  const reader = find(tools, READERS);
  if (reader !== undefined) return fill(reader, { path });
  const shell = find(tools, SHELLS);
  return shell && inShell(shell, `cat ${path}`);
}

function editing(tools: readonly Tool[], path: string, word: string): Call | undefined {
  const editor = find(tools, EDITORS);
  if (editor !== undefined) return fill(editor, { path, old: BEFORE, new: after(word) });
  const patcher = find(tools, PATCHERS);
  if (patcher !== undefined) {
    const [name = "input"] = Object.keys(patcher.properties);
    return { name: patcher.name, arguments: { [name]: patchOf(path, word) } };
  }
  const shell = find(tools, SHELLS);
  return shell && inShell(shell, `sed -i 's/${BEFORE}/${after(word)}/' ${path} && cat ${path}`);
}

function patchOf(path: string, word: string): string {
  const change = [`*** Update File: ${path}`, "@@", `-${BEFORE}`, `+${after(word)}`];
  return ["*** Begin Patch", ...change, "*** End Patch"].join("\n");
}

/** The tool's own names for what it has to be told. */
function fill(tool: Tool, told: { path: string; old?: string; new?: string }): Call {
  const filled: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries(tool.properties)) {
    const lower = name.toLowerCase();
    const list = type === "array";
    if (/old|search/.test(lower) && told.old !== undefined) filled[name] = told.old;
    else if (/new|replace(?!.*all)/.test(lower) && told.new !== undefined) filled[name] = told.new;
    else if (/path|file/.test(lower)) filled[name] = list ? [told.path] : told.path;
    else if (tool.required.includes(name)) filled[name] = type === "boolean" ? false : "The task.";
  }
  return { name: tool.name, arguments: filled };
}

function inShell(tool: Tool, line: string): Call {
  const filled: Record<string, unknown> = {};
  for (const [name, { type }] of Object.entries(tool.properties)) {
    if (/^(?:command|cmd|script)s?$/.test(name)) {
      const asList = name.endsWith("s") ? [line] : ["sh", "-c", line];
      filled[name] = type === "array" ? asList : line;
    } else if (tool.required.includes(name))
      filled[name] = type === "boolean" ? false : "The task.";
  }
  return { name: tool.name, arguments: filled };
}

/** A stream of chat completion chunks. */
function answer(what: Call | string, number: number): string {
  const chunk = (delta: object, finish: string | null, more: object = {}): string =>
    `data: ${JSON.stringify({
      id: `chatcmpl-${number}`,
      object: "chat.completion.chunk",
      created: 1,
      model: "scripted",
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...more,
    })}\n\n`;
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
  const end = `${chunk({}, null, { choices: [], usage })}data: [DONE]\n\n`;
  if (typeof what === "string") return chunk({ content: what }, null) + chunk({}, "stop") + end;
  const call = {
    index: 0,
    id: `call_${number}`,
    type: "function",
    function: { name: what.name, arguments: JSON.stringify(what.arguments) },
  };
  return chunk({ tool_calls: [call] }, null) + chunk({}, "tool_calls") + end;
}

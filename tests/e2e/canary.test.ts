// Canaries: prompts, answers and secrets that can be told from everything else, sent through every way that a request
// can end, and then looked for in all that the processes wrote or said. They may be in the answers alone.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createSuite } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, chatBody, control, openStream, sseData } from "../support/requests.ts";
import type { Answer } from "../support/requests.ts";
import { TOOL, untilSession } from "../support/topologies.ts";

const OPENAI = "/v1/chat/completions";
const OLLAMA = "/api/chat";

const suite = createSuite();
const canary = (name: string): string => `canary-${name}-${randomBytes(9).toString("hex")}`;
const PROMPT = canary("prompt");
const ANSWER = canary("answer");
const THOUGHT = canary("thought");
const ARGUMENT = canary("argument");
const RESULT = canary("result");
const FAILED = canary("failed");
const WRONG = `mlp_${randomBytes(32).toString("base64url")}`;
const CONFIGURED = `mlp_${randomBytes(32).toString("base64url")}`;
const IN_BROKEN_FILE = canary("broken-file");

/** Which secret is in which file of the state folder; no other file may have it. */
const secretFiles = new Map<string, string>();
const secrets = new Map<string, string>();
/** What was said to a client that was not let in, or whose request failed, and by what serves no prompt. */
const said: { readonly about: string; readonly text: string }[] = [];
let server: Mlp;
let agent: Mlp;

beforeAll(async () => {
  const home = suite.folder("home");
  writeFileSync(join(home, "config.yaml"), `security:\n  api_key: ${CONFIGURED}\n`, {
    mode: 0o600,
  });
  const up = ["up", "--port", "0", "--bridge-port", "0", "--agent", "rehearsal"];
  const started = await suite.start([...up, "--log-level", "debug"], { home, secrets: false });
  const read = (name: string): string => {
    const file = join(home, "secrets", name);
    const secret = readFileSync(file, "utf8").trim();
    secretFiles.set(file, secret);
    secrets.set(name, secret);
    return secret;
  };
  server = {
    ...started,
    api: started.api,
    secrets: {
      apiKey: read("api-key"),
      controlToken: read("control-token"),
      bridgeToken: read("bridge-token"),
      agentToken: read("agent-token"),
    },
  };
  secrets.set("configured key", CONFIGURED);
  secrets.set("wrong key", WRONG);
  agent = await suite.start(
    ["agent", "rehearsal", "--bridge", server.bridge, "--agent-id", "far", "--log-level", "debug"],
    { secrets: false, env: { MLP_AGENT_TOKEN: server.secrets.agentToken } },
  );
});
afterAll(() => suite.close());

const rehearsed = (...lines: readonly string[]): string =>
  [PROMPT, ...lines.map((line) => `/rehearse ${line}`)].join("\n");

/** An answer that may not have anything of the request in it. */
async function quiet(about: string, answer: Promise<Answer>): Promise<Answer> {
  const { text, headers, ...rest } = await answer;
  said.push({ about, text: `${text}${JSON.stringify([...headers])}` });
  return { text, headers, ...rest };
}

/** What no file and no line may have. Parts of a secret are as bad as the whole. */
function needles(): readonly (readonly [string, string])[] {
  const prompts = { PROMPT, ANSWER, THOUGHT, ARGUMENT, RESULT, FAILED, IN_BROKEN_FILE };
  return [
    ...Object.entries(prompts),
    ...Object.entries(prompts).map(([name, text]) => [`${name} in base64`, btoa(text)] as const),
    ...[...secrets].map(([name, secret]) => [name, secret.slice(4, 18)] as const),
  ];
}

function foundIn(bytes: Uint8Array | string, isAllowed = (_secret: string) => false): string[] {
  const haystack = Buffer.from(bytes);
  return needles()
    .filter(([, needle]) => haystack.includes(needle) && !isAllowed(needle))
    .map(([name]) => name);
}

/** Each file under the folder with what it has and must not have. */
function foundUnder(home: string): { readonly files: string[]; readonly found: string[] } {
  const files = readdirSync(home, { recursive: true, encoding: "utf8" })
    .map((name) => join(home, name))
    .filter((path) => statSync(path).isFile());
  const found = files.flatMap((path) => {
    const own = path === join(server.home, "config.yaml") ? CONFIGURED : secretFiles.get(path);
    const isOwn = (needle: string): boolean => own?.includes(needle) === true;
    return foundIn(readFileSync(path), isOwn).map((name) => `${name} in ${path}`);
  });
  return { files, found };
}

test("answers have the canaries: the agent got the prompts, and the keys open", async () => {
  const say = `say "${ANSWER}"`;
  const think = rehearsed(`reasoning "${THOUGHT}"`, say);
  for (const [path, body] of [
    [OPENAI, chatBody(think)],
    [OPENAI, chatBody(`${think}\nstreamed`, { stream: true })],
    [OLLAMA, chatBody(think, { stream: false })],
    [OLLAMA, chatBody(`${think}\nstreamed`)],
    ["/api/generate", { model: "cursor-agent", prompt: think, system: PROMPT }],
  ] as const) {
    const answer = await ask(server, path, { body });
    expect(answer.status).toBe(200);
    const joined = answer.text.match(/"(?:content|response)":"[^"]*"/g) ?? [];
    expect(joined.map((part) => part.split(":")[1]?.slice(1, -1)).join("")).toContain(ANSWER);
    said.push({ about: `headers of ${path}`, text: JSON.stringify([...answer.headers]) });
  }
  const inPath = `/k/${server.secrets.apiKey}${OPENAI}`;
  const body = chatBody(rehearsed(say, "delay 0"));
  expect((await ask(server, inPath, { key: null, body })).text).toContain(ANSWER);
  const configured = { key: CONFIGURED, body: chatBody(rehearsed(say, "delay 1")) };
  expect((await ask(server, OPENAI, configured)).text).toContain(ANSWER);
});

test("a tool is called with a canary, and hears one", async () => {
  const prompt = rehearsed(`tool ${TOOL.name} {"city":"${ARGUMENT}"}`, "park", "results");
  const tools = [{ type: "function", function: TOOL }];
  const asked = await ask(server, OPENAI, { body: chatBody(prompt, { tools }) });
  const { message } = asked.json.choices[0];
  expect(message.tool_calls[0].function.arguments).toContain(ARGUMENT);
  const messages = [
    { role: "user", content: prompt },
    message,
    { role: "tool", tool_call_id: message.tool_calls[0].id, content: RESULT },
  ];
  const ended = await ask(server, OPENAI, { body: { model: "cursor-agent", messages, tools } });
  expect(ended.text).toContain(RESULT);
});

test("failures, refusals and wrong keys are answered without them", async () => {
  const failed = rehearsed(`error agent_error "The agent fell over."`);
  const generated = { model: "cursor-agent", prompt: failed, stream: false };
  const wrong = { key: WRONG, body: chatBody(PROMPT) };
  const answers = await Promise.all([
    quiet("a failure", ask(server, OPENAI, { body: chatBody(failed) })),
    quiet("an Ollama failure", ask(server, "/api/generate", { body: generated })),
    quiet("a crash", ask(server, OPENAI, { body: chatBody(rehearsed("crash", "delay 2")) })),
    quiet("a wrong key", ask(server, OPENAI, wrong)),
    quiet("a wrong key in the path", ask(server, `/k/${WRONG}${OLLAMA}`, { ...wrong, key: null })),
    quiet("the agent token", ask(server, OPENAI, { ...wrong, key: server.secrets.agentToken })),
    quiet("the client key at control", ask(server, "/control/sessions")),
    quiet(
      "an unknown model",
      ask(server, OPENAI, { body: { ...chatBody(PROMPT), model: "none" } }),
    ),
    quiet("an unknown route", ask(server, `/v1/${FAILED}?key=${server.secrets.apiKey}`)),
    quiet("broken JSON", ask(server, OPENAI, { body: `{"model":"x","messages":["${FAILED}"` })),
    quiet("a wrong type", ask(server, OPENAI, { body: { model: "x", messages: FAILED } })),
    quiet("a pin", ask(server, OPENAI, { body: wrong.body, headers: { "x-mcp-session": FAILED } })),
    quiet(
      "an origin",
      ask(server, "/v1/models", { headers: { origin: `https://${FAILED}.example` } }),
    ),
  ]);
  expect(answers.map(({ status }) => status).filter((status) => status < 400)).toEqual([]);

  const half = rehearsed(`say "${ANSWER}"`, `error agent_error "The agent fell over."`);
  const stream = await ask(server, OPENAI, { body: chatBody(half, { stream: true }) });
  const last = sseData(stream.text).at(-1) ?? "";
  expect(last).toContain('"error"');
  said.push({ about: "an error frame", text: last });

  const held = await openStream(server, OPENAI, {
    ...chatBody(rehearsed(`say "${ANSWER}"`, "hang"), { stream: true }),
  });
  await held.until(ANSWER.slice(0, 4));
  held.hangUp();
  await server.log.until(({ turnId }) => turnId === held.requestId);
});

test("approval, use and end of a session and of a key leave no trace of their secrets", async () => {
  const id = await untilSession(agent, "pending");
  const run = (args: readonly string[]) => suite.run(args, { home: server.home, secrets: false });
  const approved = await run(["sessions", "approve", id, "--yes", "--max-requests", "5"]);
  expect(approved).toMatchObject({ code: 0 });
  said.push({ about: "sessions approve", text: approved.stdout + approved.stderr });
  await untilSession(agent, "active");
  const [token] = readdirSync(join(agent.home, "agents"));
  const tokenFile = join(agent.home, "agents", token ?? "");
  const sessionToken = readFileSync(tokenFile, "utf8").trim();
  expect(sessionToken.length).toBeGreaterThan(20);
  secretFiles.set(tokenFile, sessionToken);
  secrets.set("session token", sessionToken);

  const body = chatBody(rehearsed(`say "${ANSWER}"`, "delay 3"));
  const far = await ask(server, OPENAI, { body, headers: { "x-mcp-session": id } });
  expect(far.text).toContain(ANSWER);

  const made = await control(server, "keys", { label: "canary" });
  const { secret } = made.json;
  const keyId = made.json.key.id;
  secrets.set("made key", secret);
  expect((await ask(server, "/v1/models", { key: secret })).status).toBe(200);
  await quiet("the keys", control(server, "keys"));
  const rotated = await run(["keys", "rotate", keyId, "--json"]);
  expect(rotated.stderr).toBe("");
  secrets.set("rotated key", JSON.parse(rotated.stdout).secret);
  expect((await quiet("a rotated key", ask(server, "/v1/models", { key: secret }))).status).toBe(
    401,
  );

  const registered = {
    session_id: "guides-own",
    session_token: canary("registered"),
    agent_id: "x",
  };
  secrets.set("registered token", registered.session_token.slice(10));
  await quiet("register", control(server, "register", registered));
  await quiet("the sessions", control(server, "sessions"));
  await quiet("revoke", control(server, "revoke", { session_id: id }));
  await untilSession(agent, "revoked");
});

test("a configuration that is wrong is told of without what stands in it", async () => {
  const file = join(suite.folder("config"), "config.yaml");
  for (const text of [
    `security:\n  api_key: [${IN_BROKEN_FILE}]\n`,
    `security:\n  api_key: "${IN_BROKEN_FILE}\n`,
    `mcp:\n  bridge_token: "${IN_BROKEN_FILE} with spaces"\n`,
  ]) {
    writeFileSync(file, text, { mode: 0o600 });
    const ran = await suite.run(["up", "--config", file], { secrets: false });
    expect(ran.code).toBe(2);
    said.push({ about: "a wrong configuration", text: ran.stdout + ran.stderr });
  }
});

test("none of it is in any file, log, metric, health answer, error or audit", async () => {
  const json = { headers: { accept: "application/json" } };
  await quiet("metrics", ask(server, "/metrics"));
  await quiet("metrics as JSON", ask(server, "/metrics", json));
  await quiet("health", ask(server, "/health"));
  await quiet("deep health", ask(server, "/health/deep"));
  await quiet("turns", control(server, "turns"));
  await quiet("agents", control(server, "agents"));
  for (const args of [["audit", "tail", "--json"], ["config", "show", "--origin"], ["ps"]]) {
    const ran = await suite.run(args, { home: server.home, secrets: false });
    said.push({ about: `mlp ${args.join(" ")}`, text: ran.stdout + ran.stderr });
  }
  expect(said.filter(({ text }) => text.length > 2)).toHaveLength(said.length);
  // The run file is there while the server runs, the last of the log and the audit when it has ended.
  const running = foundUnder(server.home);
  expect(running.files.filter((path) => path.includes("/run/"))).toHaveLength(1);
  // An agent whose session was revoked has ended by itself.
  expect([await agent.exited, await server.stop()]).toEqual([1, 0]);
  const ended = [foundUnder(server.home), foundUnder(agent.home)];
  expect(ended[0]?.files.join(" ")).toMatch(/audit\.jsonl.*mlp\.db|mlp\.db.*audit\.jsonl/s);

  const quoting = said.flatMap(({ about, text }) =>
    foundIn(text).map((name) => `${name} in ${about}`),
  );
  const logs = [server, agent].map((process) => process.stderr() + process.stdout());
  const logged = logs.flatMap((text) => foundIn(text).map((name) => `${name} in the log`));
  expect([...running.found, ...ended.flatMap(({ found }) => found)]).toEqual([]);
  expect([...quoting, ...logged]).toEqual([]);
  // The search itself finds what is there.
  expect(foundIn(`so it ${PROMPT} is`)).toEqual(["PROMPT"]);
  expect(foundIn([...secretFiles.values()].join(" ")).length).toBeGreaterThanOrEqual(5);
  expect(logs.join("").length).toBeGreaterThan(5_000);
});

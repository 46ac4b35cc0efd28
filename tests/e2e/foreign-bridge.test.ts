// The compiled binary between the official `openai` client and foreign bridges of both forms, which misbehave as the
// prompt tells them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI from "openai";

import { type GuideBridge, type GuideForm, startGuideBridge } from "../support/guide-bridge.ts";
import { createSuite, eventually } from "../support/mlp.ts";
import type { Mlp } from "../support/mlp.ts";
import { ask, chatBody, openStream, sseData } from "../support/requests.ts";

const suite = createSuite();
const OFFICE = "office-token-of-the-e2e-test";
const AGAINST_OUR_RETRIES = { maxRetries: 0 };
const FORMS: readonly GuideForm[] = ["nested", "flat"];

let office: GuideBridge;
let lab: GuideBridge;
let mlp: Mlp;

beforeAll(async () => {
  office = startGuideBridge({ form: "nested", token: OFFICE });
  lab = startGuideBridge({ form: "flat" });
  const config = join(suite.folder("config"), "config.yaml");
  writeFileSync(
    config,
    `mcp:
  bridges:
    - {name: office, url: "${office.url}", dialect: nested, token: ${OFFICE}, models: [nested]}
    - {name: lab, url: "${lab.url}", dialect: flat, models: [flat]}
`,
    { mode: 0o600 },
  );
  mlp = await suite.start(["serve", "--port", "0", "--config", config]);
  const registered = await ask(mlp, "/control/register", {
    key: OFFICE,
    body: {
      session_id: "from-the-office",
      session_token: "its own affair",
      agent_id: "cursor",
      allowed_scopes: ["inference", "tools"],
      ttl_seconds: 3600,
    },
  });
  expect(registered.status).toBe(200);
  await untilUp("connected", "connected");
});
afterAll(async () => {
  await suite.close();
  await office.close();
  await lab.close();
});

async function untilUp(...states: readonly string[]): Promise<void> {
  await eventually(`bridges that are ${states.join(", ")}`, async () => {
    const { json } = await ask(mlp, "/health");
    const bridges: { status: string }[] = json.mcp_connection.bridges;
    return bridges.every(({ status }, index) => status === states[index]) ? true : undefined;
  });
}

function client(): OpenAI {
  const apiKey = mlp.secrets.apiKey;
  return new OpenAI({ baseURL: `${mlp.api}/v1`, apiKey, ...AGAINST_OUR_RETRIES });
}

const bridgeOf = (form: GuideForm): GuideBridge => (form === "nested" ? office : lab);
const user = (content: string) => [{ role: "user" as const, content }];

interface Heard {
  text: string;
  reason: string | null | undefined;
  error: unknown;
}

/** A stream as the official client hears it. */
async function stream(model: string, prompt: string): Promise<Heard> {
  const heard: Heard = { text: "", reason: undefined, error: undefined };
  try {
    const chunks = await client().chat.completions.create({
      model,
      stream: true,
      messages: user(prompt),
    });
    for await (const { choices } of chunks) {
      heard.text += choices[0]?.delta.content ?? "";
      heard.reason = choices[0]?.finish_reason ?? heard.reason;
    }
  } catch (error) {
    heard.error = error;
  }
  return heard;
}

describe.each(FORMS)("behind a %s bridge", (form) => {
  test("a whole answer and a stream arrive", async () => {
    const answer = await client().chat.completions.create({
      model: form,
      messages: user("well?"),
    });
    expect(answer.choices[0]?.message.content).toBe("You said: well?");
    expect(await stream(form, "and now?")).toEqual({
      text: "You said: and now?",
      reason: "stop",
      error: undefined,
    });
  });

  test("an Ollama client is answered too", async () => {
    const { status, json } = await ask(mlp, "/api/chat", {
      body: { model: form, stream: false, messages: user("hi") },
    });
    expect([status, json.message.content, json.done]).toEqual([200, "You said: hi", true]);
  });

  test("a failure is the client's error, and is not to be tried again", async () => {
    const { status, headers } = await ask(mlp, "/v1/chat/completions", {
      body: { ...chatBody("fail please"), model: form },
    });
    expect([status, headers.get("x-should-retry")]).toEqual([502, "false"]);
  });

  test("a failure in mid-stream is an error frame and no [DONE]", async () => {
    const { text, error } = await stream(form, "half");
    expect(text).toBe("half ");
    expect(error).toBeInstanceOf(OpenAI.APIError);
    const raw = await openStream(mlp, "/v1/chat/completions", {
      ...chatBody("half", { stream: true }),
      model: form,
    });
    const frames = sseData((await raw.rest()).text);
    expect(frames).not.toContain("[DONE]");
    expect(frames.at(-1)).toContain("agent_error");
  });

  test("ends that come twice are heard once", async () => {
    expect(await stream(form, "twice")).toEqual({ text: "once", reason: "stop", error: undefined });
  });

  test("a client that hangs up cancels the agent", async () => {
    const bridge = bridgeOf(form);
    const abort = new AbortController();
    const chunks = await client().chat.completions.create(
      { model: form, stream: true, messages: user("hold") },
      { signal: abort.signal },
    );
    for await (const { choices } of chunks) {
      if (choices[0]?.delta.content === undefined) continue;
      abort.abort();
      break;
    }
    const { id } = await bridge.asked.when(({ prompt }) => prompt === "hold");
    expect(await bridge.cancelled.when((frame) => frame["id"] === id)).toEqual({
      type: "cancel",
      id,
    });
  });

  test("twenty streams on a link that drops end at once, each with its error, and it comes back", async () => {
    const bridge = bridgeOf(form);
    const since = bridge.asked.seen.length;
    const streams = Array.from({ length: 20 }, () => stream(form, "hold"));
    await bridge.asked.when(() => bridge.asked.seen.length >= since + 20);
    bridge.cut();
    for (const { text, error } of await Promise.all(streams)) {
      expect("first words ").toStartWith(text);
      expect(error).toBeInstanceOf(OpenAI.APIError);
    }
    await untilUp("connected", "connected");
    expect((await stream(form, "back?")).text).toBe("You said: back?");
  });
});

test("a flat stream that is finished without a reason has stopped", async () => {
  const heard = { text: "no reason", reason: "stop", error: undefined };
  expect(await stream("flat", "no reason")).toEqual(heard);
});

test("the guides' own keys in the environment are enough for one bridge", async () => {
  const { bridgeToken } = suite.secrets;
  const bridge = startGuideBridge({ form: "flat", token: bridgeToken });
  const env = {
    MLP_MCP_BRIDGE_URL: bridge.url,
    MLP_MCP_DIALECT: "flat",
    MLP_MCP_AGENT_ID: "cursor-agent-001",
  };
  const one = await suite.start(["serve", "--port", "0"], { env });
  await bridge.upgrades.when((given) => given === `Bearer ${bridgeToken}`);
  const answer = await eventually("an answer", async () => {
    const { status, json } = await ask(one, "/v1/chat/completions", { body: chatBody("hello") });
    return status === 200 ? json : undefined;
  });
  expect(answer.choices[0].message.content).toBe("You said: hello");
  expect(bridge.asked.seen.at(-1)?.frame).toMatchObject({ agent_id: "cursor-agent-001" });
  expect(await one.stop()).toBe(0);
  await bridge.close();
});

test("a configuration that names a bridge's token twice stops the start with one line", async () => {
  const config = join(suite.folder("config"), "config.yaml");
  const entry = (name: string): string =>
    `    - {name: ${name}, url: "ws://127.0.0.1:1", dialect: nested, token: ${OFFICE}}\n`;
  writeFileSync(config, `mcp:\n  bridges:\n${entry("a")}${entry("b")}`, { mode: 0o600 });
  const { code, stderr } = await suite.run(["serve", "--port", "0", "--config", config]);
  expect(code).not.toBe(0);
  expect(stderr).toContain('that of the bridge "a"');
  expect(stderr).not.toContain(OFFICE);
});

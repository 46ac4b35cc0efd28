import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import { createHome, createStub, mlp } from "./support.ts";
import type { FakeHome, StubServer } from "./support.ts";

const model = {
  name: "cursor-agent:latest",
  model: "cursor-agent:latest",
  modified_at: "2026-11-22T10:00:00Z",
  expires_at: "2026-11-22T11:00:00Z",
  size: 0,
  digest: "",
  details: { family: "rehearsal" },
};

let home: FakeHome;
let stub: StubServer;

function serve(answers: Record<string, unknown>): void {
  stub = createStub(answers);
  home.runFile({ kind: "up", api: stub.url, control: stub.url });
}

/** An NDJSON answer of these lines, in pieces cut at an awkward place. */
function stream(...lines: readonly object[]): () => Response {
  return () => {
    const bytes = new TextEncoder().encode(
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 7) controller.enqueue(bytes.slice(at, at + 7));
        controller.close();
      },
    });
    return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
  };
}

function say(content: string, more: object = {}): object {
  return { message: { role: "assistant", content }, done: false, ...more };
}
const done = say("", { done: true, done_reason: "stop" });

beforeEach(() => {
  home = createHome();
  home.secret("api-key", "the-api-key");
});
afterEach(async () => {
  await stub.stop();
  home.remove();
});

describe("mlp list, ps and show", () => {
  test("list prints the models, asked for with the client key", async () => {
    serve({ "GET /api/tags": { models: [model] } });
    const { code, stdout } = await mlp(["list"], { home });
    expect(code).toBe(0);
    expect(stdout).toBe(
      "NAME                 AGENT      MODIFIED\ncursor-agent:latest  rehearsal  2026-11-22 10:00Z\n",
    );
    expect(stub.seen[0]?.authorization).toBe("Bearer the-api-key");
  });

  test("ls is list, and --json prints what the server said", async () => {
    serve({ "GET /api/tags": { models: [model] } });
    const { stdout } = await mlp(["ls", "--json"], { home });
    expect(JSON.parse(stdout)).toEqual({ models: [model] });
  });

  test("ps prints the models that are there now", async () => {
    const forever = { ...model, name: "other", expires_at: "2200-01-01T00:00:00Z" };
    serve({ "GET /api/ps": { models: [model, forever] } });
    const { stdout } = await mlp(["ps"], { home });
    expect(stdout).toContain("rehearsal  2026-11-22 11:00");
    expect(stdout).toMatch(/^other +rehearsal +no end$/m);
  });

  test("show prints what a model can do", async () => {
    const info = { "general.architecture": "rehearsal", "rehearsal.context_length": 8192, x: null };
    const details = { family: "rehearsal" };
    serve({
      "POST /api/show": { details, capabilities: ["completion", "tools"], model_info: info },
    });
    const { stdout } = await mlp(["show", "cursor-agent"], { home });
    expect(stub.seen[0]?.body).toEqual({ model: "cursor-agent" });
    expect(stdout).toMatch(/^model +cursor-agent$/m);
    expect(stdout).toMatch(/^capabilities +completion, tools$/m);
    expect(stdout).toMatch(/^rehearsal\.context_length +8192$/m);
  });

  test("an error in Ollama's form is said", async () => {
    serve({ "POST /api/show": () => Response.json({ error: "no model 'x'" }, { status: 404 }) });
    const { code, stderr } = await mlp(["show", "x"], { home });
    expect(code).toBe(1);
    expect(stderr).toBe("mlp: no model 'x'\n");
  });
});

describe("mlp run", () => {
  test("prints the answer as it comes, whatever the pieces", async () => {
    serve({ "POST /api/chat": stream(say("Grüße, "), say("welt 🌍"), done) });
    const { code, stdout } = await mlp(["run", "m", "say", "hello"], { home });
    expect(code).toBe(0);
    expect(stdout).toBe("Grüße, welt 🌍\n");
    expect(stub.seen[0]?.body).toEqual({
      model: "m",
      messages: [{ role: "user", content: "say hello" }],
      stream: true,
    });
  });

  test("takes the prompt from a pipe, after what was said on the command line", async () => {
    serve({ "POST /api/chat": stream(done) });
    await mlp(["run", "m"], { home, piped: "from the pipe\n" });
    await mlp(["run", "m", "Explain:"], { home, piped: "code" });
    const prompts = stub.seen.map(({ body }) => (body as { messages: object[] }).messages[0]);
    expect(prompts).toEqual([
      { role: "user", content: "from the pipe\n" },
      { role: "user", content: "Explain:\n\ncode" },
    ]);
  });

  test("without anything to ask is wrong usage", async () => {
    serve({});
    const { code, stderr } = await mlp(["run", "m"], { home });
    expect(code).toBe(2);
    expect(stderr).toContain("nothing to ask");
  });

  test("shows control characters of an answer, and keeps its lines", async () => {
    serve({ "POST /api/chat": stream(say("a\r\nb\tc\u001b[31m"), done) });
    expect((await mlp(["run", "m", "x"], { home })).stdout).toBe("a\nb\tc\\u001b[31m\n");
  });

  test("fails when the answer ends with an error, or without an end", async () => {
    serve({ "POST /api/chat": stream(say("half"), { error: "The agent went away." }) });
    const failed = await mlp(["run", "m", "x"], { home });
    expect(failed).toEqual({ code: 1, stdout: "half\n", stderr: "mlp: The agent went away.\n" });
    await stub.stop();
    home.remove();
    home = createHome();
    home.secret("api-key", "the-api-key");
    serve({ "POST /api/chat": stream(say("half")) });
    const broken = await mlp(["run", "m", "x"], { home });
    expect(broken).toEqual({ code: 1, stdout: "half\n", stderr: "mlp: the answer broke off\n" });
  });

  test("prints nothing where nothing was answered", async () => {
    serve({ "POST /api/chat": stream({ error: "The agent is away." }) });
    const { code, stdout } = await mlp(["run", "m", "x"], { home });
    expect([code, stdout]).toEqual([1, ""]);
  });

  test("Ctrl-C cancels the answer, and the server hears of it", async () => {
    const cancelled = Promise.withResolvers<void>();
    const endless = (request: Request): Response => {
      request.signal.addEventListener("abort", () => cancelled.resolve());
      const body = new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(`${JSON.stringify(say("begun"))}\n`)),
      });
      return new Response(body);
    };
    serve({ "POST /api/chat": endless });
    const result = await mlp(["run", "m", "x"], {
      home,
      onOutput: (all, signal) => {
        if (all === "begun") signal();
      },
    });
    expect(result).toEqual({ code: 1, stdout: "begun\n", stderr: "mlp: cancelled\n" });
    await cancelled.promise;
  });

  test("ends at the end of input", async () => {
    serve({});
    const { code, stdout } = await mlp(["run", "m"], { home, isTerminal: true });
    expect({ code, stdout, asked: stub.seen }).toEqual({ code: 0, stdout: "\n", asked: [] });
  });

  test("holds a conversation on a terminal, and remembers what was said", async () => {
    let turns = 0;
    const answers = [
      stream(say("one"), done),
      stream({ error: "oops" }),
      stream(say("three"), done),
    ];
    serve({ "POST /api/chat": () => answers[turns++]!() });
    const typed = ["first", "", "second", "third", "/bye", "never asked"];
    const { code, stdout, stderr } = await mlp(["run", "m"], { home, isTerminal: true, typed });
    expect(code).toBe(0);
    expect(stdout).toBe("one\nthree\n");
    expect(stderr).toBe("Ctrl-C stops an answer; /bye or Ctrl-D ends the conversation.\noops\n");
    const last = stub.seen[2]?.body as { messages: { content: string }[] };
    expect(last.messages.map(({ content }) => content)).toEqual(["first", "one", "third"]);
    expect(stub.seen).toHaveLength(3);
  });
});

describe("mlp health", () => {
  test("is 0 for a server that is well, and needs no key", async () => {
    serve({ "GET /health": { status: "healthy", version: "1.2.3", mcp_connection: {} } });
    const { code, stdout } = await mlp(["health"], { home });
    expect(code).toBe(0);
    expect(stdout).toMatch(/^status +healthy$/m);
    expect(stub.seen[0]?.authorization).toBeNull();
  });

  test("is 1 for one that is not, with --json too", async () => {
    serve({ "GET /health": { status: "unhealthy" } });
    const { code, stdout } = await mlp(["health", "--json"], { home });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toEqual({ status: "unhealthy" });
  });

  test("is 1 where nothing answers", async () => {
    serve({});
    await stub.stop();
    const { code, stderr } = await mlp(["health", "--url", stub.url], { home });
    expect(code).toBe(1);
    expect(stderr).toBe(`mlp: nothing answers at ${stub.url}; is the server running?\n`);
  });
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, test } from "bun:test";

import type { AgentSettings } from "../../src/app/start-agent.ts";
import type { Running, StartSettings } from "../../src/app/types.ts";
import type { UpSettings } from "../../src/cli/app.ts";
import { keepRunning } from "../../src/cli/keep-running.ts";
import { AppError } from "../../src/core/error.ts";
import { createHome, mlp } from "./support.ts";
import type { FakeHome } from "./support.ts";

const ready = {
  event: "ready",
  api: "http://127.0.0.1:11434",
  bridge: "ws://127.0.0.1:8787",
  dashboard: null,
  agent: "rehearsal",
  version: "1.2.3",
} as const;

function createRunning(more: Partial<Running> = {}): Running {
  return {
    ready,
    notes: {
      chosenAgent: { spec: "rehearsal", why: "no agent was found on this machine" },
      foundUnsupported: [{ name: "cursor-agent", path: "/usr/bin/cursor-agent" }],
      apiKey: "mlp_the_key",
      apiKeyFile: "/srv/mlp/secrets/api-key",
    },
    failed: new Promise(() => undefined),
    reload: () => undefined,
    close: () => Promise.resolve(),
    abort: () => Promise.resolve(),
    ...more,
  };
}

let home: FakeHome;
beforeEach(() => {
  home = createHome();
});
afterEach(() => home.remove());

/** Stops the server as soon as it has said that it is ready. */
const stopWhenReady = { onOutput: (_: string, signal: () => void) => signal() };

async function up(argv: readonly string[], options: Partial<Parameters<typeof mlp>[1]> = {}) {
  let settings: UpSettings | undefined;
  const app = {
    startUp: (given: UpSettings) => {
      settings = given;
      return Promise.resolve(createRunning());
    },
  };
  const result = await mlp(argv, { home, app, ...stopWhenReady, ...options });
  return { ...result, settings };
}

describe("mlp up", () => {
  test.each([[[]], [["up"]], [["--port", "0"]]])("is what %j means", async (argv) => {
    const { code, settings } = await up(argv);
    expect(code).toBe(0);
    expect(settings?.agents).toEqual([]);
  });

  test("says what it is, where the key is, which agent answers and why, and what to paste", async () => {
    const { stdout } = await up(["up"]);
    expect(stdout).toBe(
      [
        "mlp 1.2.3: a model server for your editor, answered by an agent",
        "",
        "  API     http://127.0.0.1:11434/v1 for OpenAI clients, http://127.0.0.1:11434 for Ollama and Anthropic clients",
        "  bridge  ws://127.0.0.1:8787",
        "  key     in /srv/mlp/secrets/api-key",
        "  agent   rehearsal (no agent was found on this machine)",
        "          found, and needs an adapter that speaks ACP: cursor-agent at /usr/bin/cursor-agent",
        "",
        "Try it:",
        '  curl http://127.0.0.1:11434/v1/chat/completions -H "authorization: Bearer $(cat /srv/mlp/secrets/api-key)"' +
          ' -H "content-type: application/json" -d \'{"model":"cursor-agent","messages":[{"role":"user","content":"Say hello."}]}\'',
        "",
      ].join("\n"),
    );
  });

  test("shows the key itself on a terminal only", async () => {
    expect((await up(["up"])).stdout).not.toContain("mlp_the_key");
    expect((await up(["up"], { isTerminal: true })).stdout).toContain("mlp_the_key");
  });

  test("--json prints one line and nothing else", async () => {
    const { stdout } = await up(["up", "--json"], { isTerminal: true });
    expect(stdout).toBe(`${JSON.stringify(ready)}\n`);
  });

  test("flags reach the configuration, and each --agent the app", async () => {
    const ports = ["--port", "0", "--bridge-port", "1234", "--host", "::1"];
    const agents = ["--agent", "openai:http://127.0.0.1:1/v1#m", "--agent", "rehearsal"];
    const { settings } = await up(["up", ...ports, ...agents, "--log-level", "silent"]);
    expect(settings?.config.provider).toMatchObject({ host: "::1", port: 0 });
    expect(settings?.config.bridge).toMatchObject({ host: "127.0.0.1", port: 1234 });
    expect(settings?.config.logging.level).toBe("silent");
    expect(settings?.agents).toEqual(["openai:http://127.0.0.1:1/v1#m", "rehearsal"]);
    expect(settings?.paths.state).toBe(home.path);
  });

  test("logs to stderr, as JSON where no person looks", async () => {
    const app = {
      startUp: ({ log }: StartSettings) => {
        log.info({ port: 1 }, "listening");
        return Promise.resolve(createRunning());
      },
    };
    const piped = await mlp(["up", "--json"], { home, app, ...stopWhenReady });
    expect(JSON.parse(piped.stderr)).toMatchObject({ level: "info", port: 1, msg: "listening" });
    const seen = await mlp(["up", "--json"], { home, app, isTerminal: true, ...stopWhenReady });
    expect(seen.stderr).toMatch(/^\d\d:\d\d:\d\d info  listening port=1\n$/);
  });

  test("warns of a key that others can read", async () => {
    const file = join(home.path, "config.yaml");
    writeFileSync(file, "security:\n  api_key: a key of enough length\n", { mode: 0o644 });
    expect((await up(["up"])).stderr).toContain("chmod 600");
  });

  test.each([
    [["up", "--agent", "mcp"], "--agent: an MCP client is not started here, it joins by itself"],
    [["up", "--agent", "acp:"], "--agent: expected rehearsal, cursor, acp:<command line>, none or"],
    [["up", "--agent", "acp:'x"], "acp: the command has a ' that is not closed"],
    [["up", "--port", "70000"], "--port: expected a whole number from 0 to 65535, got 70000"],
    [["up", "--config", "/nowhere/c.yaml"], "/nowhere/c.yaml: no such file"],
  ])("%j is refused in one line, and nothing starts", async (argv, message) => {
    const { code, stdout, stderr, settings } = await up(argv);
    expect(code).toBe(2);
    expect(stderr).toStartWith(`mlp: ${message}`);
    expect(stderr.indexOf("\n")).toBe(stderr.length - 1);
    expect(stdout).toBe("");
    expect(settings).toBeUndefined();
  });

  test("what keeps it from starting is one line: 2 if the caller can mend it, 1 if not", async () => {
    const fail = (reason: Error) => {
      const startUp = async (): Promise<Running> => {
        throw reason;
      };
      return mlp(["up"], { home, app: { startUp } });
    };
    const taken = Object.assign(new Error("Port 11434 is in use."), { code: "EADDRINUSE" });
    expect(await fail(taken)).toEqual({
      code: 1,
      stdout: "",
      stderr: "mlp: Port 11434 is in use.\n",
    });
    const wrong = new AppError("invalid_request", "provider.host: needs provider.allow_remote");
    expect((await fail(wrong)).code).toBe(2);
    const broken = new AppError("internal", "The store is damaged.");
    expect(await fail(broken)).toEqual({
      code: 1,
      stdout: "",
      stderr: "mlp: The store is damaged.\n",
    });
  });

  test("what is taken is named with the server of ours that runs here", async () => {
    const startUp = () => Promise.reject(new AppError("conflict", "Port 1 of ::1 is taken."));
    const alone = await mlp(["up"], { home, app: { startUp } });
    expect(alone.stderr).toBe("mlp: Port 1 of ::1 is taken. mlp doctor says more.\n");
    const flagged = await mlp(["up", "--port", "1"], { home, app: { startUp } });
    expect(flagged.stderr).toBe("mlp: Port 1 of ::1 is taken.\n");
    home.runFile({ kind: "up", api: "http://127.0.0.1:2" });
    const { code, stderr } = await mlp(["up"], { home, app: { startUp } });
    expect(code).toBe(1);
    expect(stderr).toBe(
      `mlp: Port 1 of ::1 is taken. Running here: mlp up, process ${process.pid} at http://127.0.0.1:2.\n`,
    );
  });

  test("a fault of ours comes with its place", async () => {
    const fault = () => Promise.reject(new TypeError("x is not a function"));
    const { code, stderr } = await mlp(["up"], { home, app: { startUp: fault } });
    expect(code).toBe(1);
    expect(stderr).toStartWith("mlp: unexpected failure: TypeError: x is not a function\n    at ");
  });

  test("with the key from the environment, the line to paste takes it from there", async () => {
    const notes = { ...createRunning().notes, apiKeyFile: null };
    const app = { startUp: () => Promise.resolve(createRunning({ notes })) };
    // That of the configuration is another one beside it.
    const env = { MLP_SECURITY_API_KEY: "one-more-key-that-is-good" };
    const { stdout } = await mlp(["up"], { home, app, env, ...stopWhenReady });
    expect(stdout).toContain("key     in $MLP_API_KEY\n");
    expect(stdout).toContain('-H "authorization: Bearer $MLP_API_KEY"');
  });

  test("a folder with odd characters is quoted for the shell", async () => {
    const notes = { ...createRunning().notes, apiKeyFile: "/a b/it's/api-key" };
    const app = { startUp: () => Promise.resolve(createRunning({ notes })) };
    const { stdout } = await mlp(["up"], { home, app, ...stopWhenReady });
    expect(stdout).toContain(`$(cat '/a b/it'\\''s/api-key')`);
  });
});

describe("the other servers", () => {
  test("serve and agent dial the bridge of --bridge", async () => {
    let seen: StartSettings | undefined;
    const start = (settings: StartSettings) => {
      seen = settings;
      return Promise.resolve(createRunning());
    };
    const app = { startServe: start, startAgent: start };
    const argv = ["serve", "--bridge", "ws://127.0.0.1:9", "--port", "0"];
    expect((await mlp(argv, { home, app, ...stopWhenReady })).code).toBe(0);
    expect(seen?.config.mcp.bridge_url).toBe("ws://127.0.0.1:9");
    expect(seen?.config.provider.port).toBe(0);
    await mlp(["agent", "rehearsal", "--bridge", "ws://127.0.0.1:8"], {
      home,
      app,
      ...stopWhenReady,
    });
    expect(seen?.config.mcp.bridge_url).toBe("ws://127.0.0.1:8");
    const bad = await mlp(["serve", "--bridge", "http://x"], { home, app });
    expect(bad).toMatchObject({ code: 2, stdout: "" });
  });

  test("of the bridge, --port and --bridge-port are the same", async () => {
    const ports: number[] = [];
    const app = {
      startBridge: ({ config }: StartSettings) => {
        ports.push(config.bridge.port);
        return Promise.resolve(createRunning());
      },
    };
    const run = (...argv: string[]) => mlp(["bridge", ...argv], { home, app, ...stopWhenReady });
    const { stdout } = await run("--port", "1");
    await run("--bridge-port", "2");
    expect(ports).toEqual([1, 2]);
    expect(stdout).toContain(`join with the token in ${home.path}/secrets/agent-token`);
    expect((await run("--port", "1", "--bridge-port", "2")).code).toBe(2);
  });

  test("agent says which connector it runs, and where its key is", async () => {
    let seen: AgentSettings | undefined;
    const app = {
      startAgent: (settings: AgentSettings) => {
        seen = settings;
        return Promise.resolve(createRunning());
      },
    };
    const run = (argv: readonly string[], env = {}) =>
      mlp(["agent", ...argv], { home, app, env, ...stopWhenReady });
    const names = ["--label", "L", "--agent-id", "a"];
    await run(["rehearsal", "--script", "s.yaml", ...names]);
    expect(seen).toMatchObject({
      spec: { connector: "rehearsal" },
      script: "s.yaml",
      label: "L",
      agentId: "a",
    });
    const flags = [
      "--base-url",
      "http://127.0.0.1:1/v1",
      "--model",
      "m",
      "--api-key-env",
      "UPSTREAM",
    ];
    await run(["openai", ...flags], { UPSTREAM: "k" });
    expect(seen?.spec).toEqual({
      connector: "openai",
      upstreams: [{ baseUrl: "http://127.0.0.1:1/v1", model: "m", apiKey: "k" }],
    });
    expect((await run(["openai", ...flags])).stderr).toContain("UPSTREAM is not set");
    const two = ["--base-url", "http://127.0.0.1:1/v1", "--base-url", "http://127.0.0.1:2/v1"];
    await run(["openai", ...two, "--api-key-env", "none", "--api-key-env", "UPSTREAM"], {
      UPSTREAM: "k",
    });
    expect(seen?.spec).toEqual({
      connector: "openai",
      upstreams: [
        { baseUrl: "http://127.0.0.1:1/v1" },
        { baseUrl: "http://127.0.0.1:2/v1", apiKey: "k" },
      ],
    });
    const file = join(home.path, "agents.yaml");
    writeFileSync(
      file,
      "agents: [rehearsal, {connector: openai, upstreams: [{base_url: 'http://127.0.0.1:3/v1', weight: 2}]}]",
    );
    await run(["openai", "--config", file]);
    expect(seen?.spec).toEqual({
      connector: "openai",
      upstreams: [{ baseUrl: "http://127.0.0.1:3/v1", weight: 2 }],
    });
    const unclear = await run(["openai", ...two, "--api-key-env", "UPSTREAM"], { UPSTREAM: "k" });
    expect(unclear.stderr).toContain("give one for each --base-url");
  });

  test.each([
    [["mcp"], "an MCP client starts mlp mcp by itself"],
    [["acp"], "mlp agent acp needs a command"],
    [["acp", "--script", "s", "--", "x"], "--script means nothing to the acp connector"],
    [["rehearsal", "--", "x"], "the rehearsal connector takes no command: x"],
    [["nonsense"], "connector nonsense is unknown"],
    [["openai"], "mlp agent openai needs --base-url"],
    [["openai", "--base-url", "127.0.0.1:1"], "mlp agent openai needs --base-url"],
    [["rehearsal", "--model", "m"], "--model means nothing to the rehearsal connector"],
    [["openai", "--script", "s"], "--script means nothing to the openai connector"],
    [[], "name a connector: one of rehearsal"],
  ])("agent %j is wrong usage", async (argv, message) => {
    const { code, stderr } = await mlp(["agent", ...argv], { home });
    expect(code).toBe(2);
    expect(stderr).toStartWith(`mlp: ${message}`);
  });
});

describe("the life of a server", () => {
  /** A server under the hand of the test. */
  function createLife({ startMs = 60_000 } = {}) {
    const listeners = new Set<() => void>();
    const started = Promise.withResolvers<Running>();
    const closed = Promise.withResolvers<void>();
    const aborted = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<Error>();
    const done: string[] = [];
    const closing = Promise.withResolvers<void>();
    const ready = Promise.withResolvers<void>();
    const slow = Promise.withResolvers<"told">();
    const running = createRunning({
      failed: failed.promise,
      close: () => {
        done.push("close");
        closing.resolve();
        return closed.promise;
      },
      abort: () => {
        done.push("abort");
        return aborted.promise;
      },
    });
    const life = {
      start: () => started.promise,
      onReady: () => {
        done.push("ready");
        ready.resolve();
      },
      onSlowStop: () => slow.resolve("told"),
      slowMs: 1,
      startMs,
      abortMs: 1,
    };
    const end = keepRunning(life, (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    });
    const signal = (): void => listeners.forEach((listener) => listener());
    return {
      started,
      slow,
      closed,
      aborted,
      failed,
      done,
      closing,
      ready,
      running,
      end,
      signal,
      listeners,
    };
  }

  test("a drain that takes a moment is told", async () => {
    const life = createLife();
    life.started.resolve(life.running);
    await life.ready.promise;
    life.signal();
    expect(await life.slow.promise).toBe("told");
    life.closed.resolve();
    expect(await life.end).toBe(0);
  });

  test("the first signal drains, and ends with 0", async () => {
    const life = createLife();
    life.started.resolve(life.running);
    await life.ready.promise;
    life.signal();
    await life.closing.promise;
    life.closed.resolve();
    expect(await life.end).toBe(0);
    expect(life.done).toEqual(["ready", "close"]);
    expect(life.listeners.size).toBe(0);
  });

  test("the second ends at once, with 1, even if the drain and the end hang", async () => {
    const life = createLife();
    life.started.resolve(life.running);
    await life.ready.promise;
    life.signal();
    await life.closing.promise;
    life.signal();
    expect(await life.end).toBe(1);
    expect(life.done).toEqual(["ready", "close", "abort"]);
  });

  test("a signal during the start drains without a word of readiness", async () => {
    const life = createLife();
    life.signal();
    life.started.resolve(life.running);
    life.closed.resolve();
    expect(await life.end).toBe(0);
    expect(life.done).toEqual(["close"]);
  });

  test("one signal ends a start that hangs, after a while", async () => {
    const life = createLife({ startMs: 1 });
    life.signal();
    expect(await life.end).toBe(1);
    expect(life.done).toEqual([]);
    expect(life.listeners.size).toBe(0);
  });

  test("two signals end even a start that hangs", async () => {
    const life = createLife();
    life.signal();
    life.signal();
    expect(await life.end).toBe(1);
  });

  test("a failure inside ends it, and is told", async () => {
    const life = createLife();
    life.started.resolve(life.running);
    await life.ready.promise;
    life.failed.resolve(new Error("the disk is full"));
    life.aborted.reject(new Error("and this too"));
    let caught: unknown;
    await life.end.catch((error: unknown) => {
      caught = error;
    });
    expect(caught).toEqual(new Error("the disk is full"));
    expect(life.done).toEqual(["ready", "abort"]);
  });

  test("a start that fails is told", async () => {
    const life = createLife();
    life.started.reject(new Error("no"));
    let caught: unknown;
    await life.end.catch((error: unknown) => {
      caught = error;
    });
    expect(caught).toEqual(new Error("no"));
    expect(life.listeners.size).toBe(0);
  });
});

describe("the log of a server", () => {
  test("holds no secret, not even in a path", async () => {
    const secret = `mlp_${"a1".repeat(20)}`;
    const app = {
      startUp: ({ log }: StartSettings) => {
        log.info({ path: `/k/${secret}/api/chat`, header: `Bearer ${secret}` }, `got ${secret}`);
        return Promise.resolve(createRunning());
      },
    };
    const { stderr } = await mlp(["up"], { home, app, ...stopWhenReady });
    expect(stderr).toContain("/api/chat");
    expect(stderr).not.toContain("a1a1");
  });
});

// How our processes start in vain, change under way and end: always told in one line or one frame, never late.

import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { createSuite, eventually } from "../support/mlp.ts";
import type { Mlp, StartOptions } from "../support/mlp.ts";
import { ask, call, chatBody, openStream, parsed, sseData } from "../support/requests.ts";

const suite = createSuite();
afterAll(() => suite.close());

const OPENAI = "/v1/chat/completions";
const OLLAMA = "/api/chat";
const FREE = ["--port", "0", "--bridge-port", "0"];
const UP = ["up", ...FREE, "--agent", "rehearsal"];
const HOLD = `/rehearse say "first words "\n/rehearse hang`;
/** The issue's own bound, on a machine that does nothing else. */
const AT_ONCE_MS = 1_000;
const DRAIN_MS = 400;

/** The first answer that says no: a signal is heard when the process gets to it. */
async function untilRefusing(server: Mlp): Promise<void> {
  await eventually("it takes nothing new", async () =>
    (await ask(server, "/v1/models")).status === 503 ? true : undefined,
  );
}

/** Opens a stream of each dialect and a whole request, which last until they are stopped. */
async function holdOpen(server: Mlp) {
  const since = server.log.lines.length;
  const streams = await Promise.all([
    openStream(server, OPENAI, chatBody(`${HOLD}\n1`, { stream: true })),
    openStream(server, OPENAI, chatBody(`${HOLD}\n2`, { stream: true })),
    openStream(server, OLLAMA, chatBody(`${HOLD}\n3`)),
  ]);
  const whole = call(server, OPENAI, { body: chatBody(`${HOLD}\n4`) }).then(async (response) => ({
    status: response.status,
    error: parsed(await response.text())?.error,
  }));
  await Promise.all(streams.map((stream) => stream.until("words ")));
  const started = () =>
    server.log.lines.slice(since).filter(({ msg }) => msg === "rehearsal turn started").length;
  await server.log.until(() => started() === 4, { what: "four turns", since });
  return async () => {
    const ends = await Promise.all(streams.map((stream) => stream.rest()));
    return { ends, whole: await whole };
  };
}

/** Each has its one error frame, as the last thing. */
function expectTold({ ends, whole }: Awaited<ReturnType<Awaited<ReturnType<typeof holdOpen>>>>) {
  for (const { text, broken } of ends) {
    expect(broken).toBe(false);
    expect(text).not.toContain("[DONE]");
    expect(text).not.toContain('"done":true');
    const frames = text.startsWith("data: ") ? sseData(text) : text.trim().split("\n");
    expect(frames.filter((frame) => parsed(frame)?.error !== undefined)).toHaveLength(1);
    expect(parsed(frames.at(-1) ?? "")).toHaveProperty("error");
  }
  expect(whole).toMatchObject({ status: 503, error: { code: "shutdown" } });
}

describe("SIGTERM", () => {
  test("tells streams that do not end by themselves in time, and ends well", async () => {
    const env = { MLP_LIMITS_DRAIN_MS: String(DRAIN_MS) };
    const server = await suite.start([...UP, "--log-level", "debug"], { env });
    const held = await holdOpen(server);
    const told = performance.now();
    server.terminate();
    expectTold(await held());
    expect(performance.now() - told).toBeGreaterThan(DRAIN_MS * 0.9);
    expect(await server.exited).toBe(0);
    expect(performance.now() - told).toBeLessThan(DRAIN_MS + 3 * AT_ONCE_MS);
    expect(readdirSync(join(server.home, "run"))).toEqual([]);
  });

  test("a second time ends at once, and still tells each stream", async () => {
    const server = await suite.start([...UP, "--log-level", "debug"]);
    const held = await holdOpen(server);
    server.terminate();
    await untilRefusing(server);
    const told = performance.now();
    server.terminate();
    expectTold(await held());
    expect(await server.exited).toBe(1);
    expect(performance.now() - told).toBeLessThan(2 * AT_ONCE_MS);
  });
});

describe("what keeps a server from starting is one line, at once:", () => {
  interface Case {
    readonly args?: readonly string[];
    readonly code?: number;
    readonly line: RegExp;
    /** Prepares the server's folder; answers with what else the start needs. */
    readonly prepare?: (home: string) => StartOptions | void;
  }

  function secret(home: string, make: (file: string) => void): void {
    mkdirSync(join(home, "secrets"), { mode: 0o700 });
    make(join(home, "secrets", "api-key"));
  }

  const KEY = "mlp_0123456789012345678901234567890123456789";
  const cases: Record<string, Case> = {
    "a secret that others may read": {
      line: /secrets\/api-key is open to other users; run: chmod 600 /,
      prepare: (home) =>
        secret(home, (file) => {
          writeFileSync(file, KEY);
          chmodSync(file, 0o644);
        }),
    },
    "a folder of secrets that others may enter": {
      line: /secrets is open to other users; run: chmod 700 /,
      prepare: (home) => {
        mkdirSync(join(home, "secrets"));
        chmodSync(join(home, "secrets"), 0o755);
      },
    },
    "a secret that cannot be read": {
      line: /secrets\/api-key is not a regular file/,
      prepare: (home) => secret(home, (file) => mkdirSync(file, { mode: 0o700 })),
    },
    "a secret that is a link": {
      line: /secrets\/api-key is a symbolic link/,
      prepare: (home) => secret(home, (file) => symlinkSync("/dev/null", file)),
    },
    "a home that is no folder": {
      code: 2,
      line: /taken/,
      prepare: (home) => {
        writeFileSync(join(home, "taken"), "");
        return { home: join(home, "taken") };
      },
    },
    "a home that cannot be made": {
      line: /\/proc\/mlp/,
      prepare: () => ({ home: "/proc/mlp" }),
    },
    "a configuration that is not there": {
      args: ["--config", "/proc/mlp.yaml"],
      code: 2,
      line: /\/proc\/mlp\.yaml/,
    },
    "a configuration that is no YAML": {
      code: 2,
      line: /config\.yaml:\d/,
      prepare: (home) => writeFileSync(join(home, "config.yaml"), "provider:\n  port: [1\n"),
    },
    "a value out of its range": {
      code: 2,
      line: /config\.yaml:2.*provider\.port/,
      prepare: (home) => writeFileSync(join(home, "config.yaml"), "provider:\n  port: 70000\n"),
    },
    "an address beyond this machine, without what makes it safe": {
      code: 2,
      line: /provider\.allow_remote/,
      prepare: () => ({ env: { MLP_PROVIDER_HOST: "0.0.0.0" } }),
    },
  };

  for (const [name, { args = [], code = 1, line, prepare }] of Object.entries(cases)) {
    test(name, async () => {
      const home = suite.folder("home");
      const options = { home, secrets: false, ...prepare?.(home) };
      const from = performance.now();
      const ran = await suite.run([...UP, ...args], options);
      expect(performance.now() - from).toBeLessThan(AT_ONCE_MS);
      expect(ran.stdout).toBe("");
      expect(ran.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(ran.stderr).toMatch(line);
      expect(ran.stderr).not.toContain(KEY);
      expect(ran.code).toBe(code);
    });
  }

  test("a second instance, on the first one's ports or in its folder", async () => {
    const first = await suite.start(UP);
    const { port } = new URL(first.api);
    const { port: bridgePort } = new URL(first.bridge);
    const other = suite.folder("home");
    for (const { args, home = other, about } of [
      { args: ["up", "--port", port, "--bridge-port", "0"], about: port },
      { args: ["up", "--port", "0", "--bridge-port", bridgePort], about: bridgePort },
      { args: ["up", "--port", port, "--bridge-port", bridgePort], home: first.home, about: "" },
      { args: UP, home: first.home, about: join(first.home, "audit.jsonl") },
    ]) {
      const from = performance.now();
      const ran = await suite.run(args, { home });
      expect(performance.now() - from).toBeLessThan(AT_ONCE_MS);
      expect([ran.code, ran.stdout]).toEqual([1, ""]);
      expect(ran.stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(ran.stderr).toContain(about);
    }
    const answer = await ask(first, OPENAI, { body: chatBody("Still there?") });
    expect(answer.status).toBe(200);
  });
});

describe("SIGHUP", () => {
  const limitOf = async (server: Mlp): Promise<string | null> => {
    const { headers } = await ask(server, OPENAI, { body: chatBody("What is the limit?") });
    return headers.get("x-ratelimit-limit-requests");
  };

  test("takes over a changed file under a running stream; a broken one changes nothing", async () => {
    const file = join(suite.folder("config"), "config.yaml");
    const limit = (value: string) =>
      writeFileSync(file, `rate_limiting:\n  requests_per_minute: ${value}\n`);
    limit("100");
    const server = await suite.start([...UP, "--config", file]);
    const hangUp = async (message: string) => {
      const since = server.log.lines.length;
      process.kill(server.pid, "SIGHUP");
      return await server.log.until(({ msg }) => msg === message, { what: message, since });
    };
    const prompt = `/rehearse delay 25\n/rehearse repeat 40\n/rehearse say "word "`;
    const stream = await openStream(server, OPENAI, chatBody(prompt, { stream: true }));
    await stream.until("word ");
    expect(await limitOf(server)).toBe("100");

    limit("77");
    await hangUp("the configuration was read again");
    expect(await limitOf(server)).toBe("77");

    limit("many");
    const failed = await hangUp("the configuration was not taken over");
    expect(failed["level"]).toBe("error");
    expect(JSON.stringify(failed)).toContain(`${file}:2`);
    expect(await limitOf(server)).toBe("77");

    const { text, broken } = await stream.rest();
    expect(broken).toBe(false);
    expect(text.match(/word /g)).toHaveLength(40);
    expect(sseData(text).at(-1)).toBe("[DONE]");
    expect(await server.stop()).toBe(0);
  });
});

// `security.keyless: same_user` on this very machine: real sockets over loopback, the kernel's own tables.

import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { admissionEntry } from "../../src/app/audit.ts";
import { checkSettings } from "../../src/app/check-settings.ts";
import { checkKeyless, sameUserRule, thisMachine } from "../../src/app/keyless.ts";
import type { Machine } from "../../src/app/keyless.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { AppError } from "../../src/core/error.ts";
import type { GuardQuestion } from "../../src/security/guard.ts";
import { anAgent, compose, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const KEYLESS = { MLP_SECURITY_KEYLESS: "same_user" };
const isLinux = process.platform === "linux";
const onLinux = test.skipIf(!isLinux);
/** Only root may become somebody else. */
const NOBODY = 65_534;
const setpriv = Bun.which("setpriv");
const asNobody = test.skipIf(!isLinux || process.getuid?.() !== 0 || setpriv === null);

let count = 0;
function chat(model = "counter") {
  count += 1;
  return { model, messages: [{ role: "user" as const, content: `question ${count}` }] };
}

const place = (
  env: Readonly<Record<string, string>> = KEYLESS,
  agent = anAgent(() => says("ok")),
) => compose([agent], env);

async function ask(
  { api }: Composed,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  body: unknown = chat(),
): Promise<number> {
  const init = body === null ? {} : { method: "POST", body: JSON.stringify(body) };
  const answer = await fetch(api + path, {
    ...init,
    headers: { "content-type": "application/json", ...headers },
  });
  await answer.body?.cancel();
  return answer.status;
}

/** The first line of the answer to a GET of the models, over a socket of our own making. */
function firstLine(host: string, port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host, port }, () => {
    socket.write(`GET /v1/models HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`);
  });
  socket.once("data", (bytes) => {
    resolve(bytes.toString("latin1").split("\r\n")[0] ?? "");
    socket.destroy();
  });
  socket.once("error", reject);
  return promise;
}

describe("without the setting", () => {
  test("nobody is served without a key, and who shows a placeholder hears what to do", async () => {
    await using here = await place({});
    expect(await ask(here, "/v1/chat/completions")).toBe(401);
    expect(await ask(here, "/api/tags", {}, null)).toBe(401);
    const client = new OpenAI({ baseURL: `${here.api}/v1`, apiKey: "noop", maxRetries: 0 });
    const refused: unknown = await client.models.list().catch((error: unknown) => error);
    if (!(refused instanceof OpenAI.AuthenticationError)) throw new Error("it was let in");
    expect(refused.message).toContain("mlp keys create");
    const ollama = new Ollama({ host: here.api });
    await expect(ollama.list()).rejects.toMatchObject({ status_code: 401 });
  });
});

describe("same_user", () => {
  onLinux("serves the ollama client, which sends no key", async () => {
    await using here = await place();
    const client = new Ollama({ host: here.api });
    expect((await client.list()).models.map(({ name }) => name)).toContain("counter");
    expect((await client.chat(chat())).message.content).toBe("ok");
    let said = "";
    for await (const part of await client.chat({ ...chat(), stream: true })) {
      said += part.message.content;
    }
    expect(said).toBe("ok");
  });

  onLinux("serves the openai client, which has to send something", async () => {
    await using here = await place();
    const client = new OpenAI({ baseURL: `${here.api}/v1`, apiKey: "noop", maxRetries: 0 });
    const answer = await client.chat.completions.create(chat());
    expect(answer.choices[0]?.message.content).toBe("ok");
    const ids = (await client.models.list()).data.map(({ id }) => id);
    expect(ids).toContain("counter");
  });

  onLinux("knows us by each address that leads here", async () => {
    await using here = await place();
    const { port } = here.provider.listening;
    for (const host of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      expect([host, await firstLine(host, port)]).toEqual([host, "HTTP/1.1 200 OK"]);
    }
  });

  onLinux("does not take a wrong key for none, and a right one still works", async () => {
    await using here = await place();
    const path = "/v1/chat/completions";
    expect(await ask(here, path, { authorization: "Bearer mlp_a-key-of-yesterday" })).toBe(401);
    expect(await ask(here, path, { "x-api-key": "mlp_a-key-of-yesterday" })).toBe(401);
    expect((await here.post(path, chat())).status).toBe(200);
  });

  onLinux("lets no page of a browser in, and none of its tricks", async () => {
    const agent = anAgent(() => says("ok"));
    await using here = await place(KEYLESS, agent);
    const path = "/v1/chat/completions";
    const { status: preflight } = await fetch(here.api + path, {
      method: "OPTIONS",
      headers: { origin: "http://localhost:3000", "access-control-request-method": "POST" },
    });
    expect(preflight).toBe(204);
    const answers = [
      await ask(here, path, { origin: "http://localhost:3000" }),
      await ask(here, path, { origin: here.api }),
      await ask(here, path, { origin: "https://evil.example" }),
      await ask(here, path, { origin: "null" }),
      await ask(here, path, { "sec-fetch-site": "cross-site" }),
      await ask(here, path, { "sec-fetch-site": "same-origin" }),
      await ask(here, path, { referer: "http://localhost:3000/" }),
      await ask(here, path, { "content-type": "text/plain" }),
      await ask(here, path, { "content-type": "application/x-www-form-urlencoded" }),
      await ask(here, path, { host: "evil.example" }),
      await ask(here, "/api/tags", { "sec-fetch-dest": "script" }, null),
    ];
    expect(answers).toEqual([401, 401, 403, 403, 403, 401, 401, 415, 415, 421, 401]);
    expect(agent.turns).toEqual([]);
  });

  onLinux("opens the models and nothing else", async () => {
    await using here = await place();
    for (const path of ["/metrics", "/health/deep", "/openapi.json", "/control/sessions", "/x"]) {
      expect([path, await ask(here, path, {}, null)]).toEqual([path, 401]);
    }
    for (const path of ["/control/register", "/control/keys", "/control/sessions/s/revoke"]) {
      expect([path, await ask(here, path, {}, {})]).toEqual([path, 401]);
    }
    const bridge = `http://127.0.0.1:${here.bridge.listening.port}`;
    expect((await fetch(`${bridge}/control/sessions`)).status).toBe(401);
    expect((await fetch(bridge, { headers: { upgrade: "websocket" } })).status).toBe(401);
  });

  asNobody(
    "refuses a program of another user (skipped unless root, who alone can start one)",
    async () => {
      const agent = anAgent(() => says("ok"));
      await using here = await place(KEYLESS, agent);
      const become = [setpriv!, `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups"];
      const script = `
        const answers = [];
        for (const authorization of [null, "Bearer noop"]) {
          const headers = { "content-type": "application/json", ...(authorization && { authorization }) };
          const body = ${JSON.stringify(JSON.stringify(chat()))};
          const answer = await fetch(process.argv[1] + "/v1/chat/completions", { method: "POST", headers, body });
          answers.push(answer.status);
        }
        console.log(process.getuid(), ...answers);`;
      const run = async (prefix: readonly string[]): Promise<string> => {
        const command = [...prefix, process.execPath, "-e", script, here.api];
        const child = Bun.spawn(command, { cwd: "/", env: { HOME: "/" }, stderr: "inherit" });
        return (await new Response(child.stdout).text()).trim();
      };
      expect(await run(become)).toBe(`${NOBODY} 401 401`);
      expect(agent.turns).toEqual([]);
      expect(await run([])).toBe("0 200 200");
    },
  );

  onLinux("asks the kernel: the same connection is not another user's", async () => {
    const machine = thisMachine();
    const seen: [boolean, boolean, boolean][] = [];
    using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request, { port, requestIP }) {
        const end = requestIP.call(server, request);
        const question: GuardQuestion = {
          ...{ port: "provider", method: "GET", path: "/", isUpgrade: false },
          ...{ peer: end?.address, peerPort: end?.port, header: () => null },
        };
        const other = { ...machine, uid: (machine.uid ?? 0) + 1 };
        const by = (at: number, as: Machine) => sameUserRule(at, as)(question);
        seen.push([by(port!, machine), by(port!, other), by(port! + 1, machine)]);
        return new Response();
      },
    });
    await fetch(server.url);
    expect(seen).toEqual([[true, false, false]]);
  });

  onLinux("counts limits by the peer's address, apart from every key", async () => {
    await using here = await place({ ...KEYLESS, MLP_RATE_LIMITING_REQUESTS_PER_MINUTE: "1" });
    const path = "/v1/chat/completions";
    expect(await ask(here, path)).toBe(200);
    expect(await ask(here, path)).toBe(429);
    expect((await here.post(path, chat())).status).toBe(200);
  });

  onLinux("never makes a retry of a key's turn, and repeats its own", async () => {
    const agent = anAgent(() => says("ok"));
    await using here = await place(KEYLESS, agent);
    const path = "/v1/chat/completions";
    const body = chat();
    const again = { "x-stainless-retry-count": "1", "idempotency-key": "once" };
    expect((await here.post(path, body, { headers: again })).status).toBe(200);
    expect(await ask(here, path, again, body)).toBe(200);
    expect(agent.turns).toHaveLength(2);
    expect(await ask(here, path, again, body)).toBe(200);
    expect(agent.turns).toHaveLength(2);
  });

  onLinux("is marked in the audit, which names no key then", async () => {
    await using here = await place();
    expect(await ask(here, "/v1/chat/completions")).toBe(200);
    const audit = readFileSync(join(here.home, "audit.jsonl"), "utf8").trim().split("\n");
    const requests = audit
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((record) => record["event"] === "model_request");
    expect(requests).toHaveLength(1);
    expect(requests[0]).toMatchObject({ security_flags: ["keyless"], client_ip: "127.0.0.1" });
    expect(requests[0]).not.toHaveProperty("key_id");
  });

  onLinux("ends and begins with the configuration, at the next request", async () => {
    await using here = await place({});
    const path = "/v1/chat/completions";
    expect(await ask(here, path)).toBe(401);
    here.reload(KEYLESS);
    expect(await ask(here, path)).toBe(200);
    here.reload({});
    expect(await ask(here, path)).toBe(401);
  });

  onLinux("is said aloud at the start", async () => {
    await using here = await place();
    expect(here.lines.map(({ msg }) => msg)).toContain(
      "programs of this user need no key here (security.keyless: same_user)",
    );
  });
});

test("a turn with a key is recorded with it, and with no mark", () => {
  const origin = { userAgent: undefined, endpoint: "/", method: "POST", bytes: 1, promptHash: "" };
  const record = { turnId: "t", sessionId: "s", agentId: "a", connector: "c", keyId: "key_1" };
  const entry = admissionEntry({ ...record, peer: "::1", model: "m", origin });
  expect(entry.keyId).toBe("key_1");
  expect(entry.securityFlags).toBeUndefined();
});

describe("the start", () => {
  const config = (env: Readonly<Record<string, string>> = {}): Config =>
    loadConfig({ env: { ...KEYLESS, ...env }, paths: { configFile: "/nowhere/config.yaml" } })
      .config;
  const machine = (fields: Partial<Machine> = {}): Machine => ({
    platform: "linux",
    uid: 1000,
    read: (path) => (path.endsWith("overflowuid") ? "65534\n" : ""),
    ...fields,
  });

  function complaint(settings: Config, at: Machine): string | undefined {
    try {
      checkKeyless(settings, at);
      return undefined;
    } catch (error) {
      if (error instanceof AppError && error.code === "invalid_request") return error.message;
      throw error;
    }
  }

  test("is refused in one line where it cannot be kept", () => {
    const unreadable = (path: string): string => {
      if (path.startsWith("/proc/net/")) throw new Error("EACCES");
      return "65534\n";
    };
    const said = {
      darwin: complaint(config(), machine({ platform: "darwin" })),
      win32: complaint(config(), machine({ platform: "win32", uid: undefined })),
      "/proc/net/tcp": complaint(config(), machine({ read: unreadable })),
      "65534": complaint(config(), machine({ uid: 65_534 })),
      "0.0.0.0": complaint(config({ MLP_PROVIDER_HOST: "0.0.0.0" }), machine()),
    };
    for (const [why, message] of Object.entries(said)) {
      expect(message).toStartWith("security.keyless: same_user ");
      expect(message).toContain(why);
      expect(message).not.toContain("\n");
    }
  });

  test("is not, where it can, or where it is not asked for", () => {
    expect(complaint(config(), machine())).toBeUndefined();
    const off = config({ MLP_SECURITY_KEYLESS: "off" });
    expect(complaint(off, machine({ platform: "darwin" }))).toBeUndefined();
    expect(loadConfig({ env: {}, paths: { configFile: "/nowhere" } }).config.security.keyless).toBe(
      "off",
    );
  });

  test("is judged by `mlp config validate` too", () => {
    const remote = config({ MLP_PROVIDER_HOST: "0.0.0.0" });
    const lines = checkSettings(remote).filter((line) => line.startsWith("security.keyless"));
    expect(lines).toHaveLength(1);
  });
});

// Processes that we start: they end as a group, whoever ends, and however.

import { afterEach, describe, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";

import { type Child, type ChildOptions, startChild } from "../../../src/agents/process/child.ts";
import { childEnvironment } from "../../../src/agents/process/environment.ts";
import { chosenWorkspace, scratchWorkspace } from "../../../src/agents/process/workspace.ts";
import { createSystem } from "../../../src/app/system.ts";
import { redact } from "../../../src/security/redact.ts";
import { isAlive } from "../../support/mlp.ts";
import { untilGone } from "../acp/support.ts";
import { createMemoryLog, rejectionOf } from "../support.ts";

const children: Child[] = [];
afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.end()));
});

function shell(script: string, more: Partial<ChildOptions> = {}): Child {
  const child = startChild({
    command: ["/bin/sh", "-c", script],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    clock: createSystem().clock,
    log: createMemoryLog(),
    redact,
    ...more,
  });
  children.push(child);
  return child;
}

async function firstLine(child: Child): Promise<string> {
  const reader = child.output.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

describe("a child process", () => {
  test("gets what we write, and says what it says", async () => {
    const child = shell('read -r line; echo "got $line"');
    const writer = child.input.getWriter();
    await writer.write(new TextEncoder().encode("a word\n"));
    expect(await firstLine(child)).toBe("got a word");
    expect(await child.exited).toBe(0);
  });

  test("that has closed its input fails whoever writes to it, and nobody else", async () => {
    const child = shell("exec 0<&-; echo deaf; sleep 600");
    expect(await firstLine(child)).toBe("deaf");
    const writer = child.input.getWriter();
    // What its watcher still holds for a moment takes a little.
    const write = async (): Promise<never> => {
      for (;;) await writer.write(new Uint8Array(100_000));
    };
    expect(await rejectionOf(write())).toMatchObject({ code: "EPIPE" });
  });

  test("that writes errors without end lets others be heard between any two pieces", async () => {
    const { clock } = createSystem();
    const heard = Promise.withResolvers<void>();
    let pieces = 0;
    const soon = (callback: () => void): void => {
      pieces += 1;
      if (pieces === 3) heard.resolve();
      clock.soon(callback);
    };
    const child = shell("yes an error >&2", { clock: { ...clock, soon } });
    await heard.promise;
    await child.end();
    expect(child.lastWords()).toContain("an error");
  });

  test("has its exit code, and 128 and the number for a signal", async () => {
    expect(await shell("exit 7").exited).toBe(7);
    expect(await shell("kill -9 $$").exited).toBe(137);
  });

  test("is asked to end first, and may", async () => {
    const child = shell("trap 'exit 3' TERM; echo ready; while :; do sleep 600 & wait $!; done");
    await firstLine(child);
    await child.end();
    expect(await child.exited).toBe(3);
  });

  test("that does not hear it is killed after the grace", async () => {
    const child = shell("trap '' TERM; echo ready; while :; do sleep 1; done", { graceMs: 50 });
    await firstLine(child);
    await child.end();
    expect(await child.exited).toBe(137);
  });

  test("takes with it what it started, when it ends by itself and when we end it", async () => {
    const byItself = shell("(trap '' TERM; sleep 600) & echo $!");
    const left = Number(await firstLine(byItself));
    await byItself.exited;
    const ended = shell("(trap '' TERM; sleep 600) & echo $!; sleep 600");
    const other = Number(await firstLine(ended));
    expect(isAlive(other)).toBe(true);
    await ended.end();
    await untilGone([left, other, byItself.pid, ended.pid]);
  });

  test("ends with all it started when we are killed without a word", async () => {
    const holder = Bun.spawn([process.execPath, join(import.meta.dir, "holder-child.ts")], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { value } = await holder.stdout.getReader().read();
    const pids = JSON.parse(new TextDecoder().decode(value)) as {
      child: number;
      grandchild: number;
    };
    expect([isAlive(pids.child), isAlive(pids.grandchild)]).toEqual([true, true]);
    holder.kill("SIGKILL");
    await holder.exited;
    await untilGone([pids.child, pids.grandchild]);
  });

  test("keeps the last lines of its error output, short, clean and without secrets", async () => {
    const log = createMemoryLog();
    const lines = 'i=0; while [ $i -lt 40 ]; do echo "line $i" >&2; i=$((i+1)); done';
    const child = shell(`${lines}; printf '\\033[31mred bearer abcdef\\033[0m\\n' >&2; echo done`, {
      log,
    });
    await firstLine(child);
    await child.exited;
    const words = child.lastWords();
    expect([words.length, words.at(-1), words.at(-2)]).toEqual([12, "red bearer ***", "line 39"]);
    const logged = log.lines.filter(({ message }) => message === "agent stderr");
    expect(logged.every(({ level }) => level === "debug")).toBe(true);
    expect(JSON.stringify(logged)).not.toContain("abcdef");
  });

  test("that is named by a relative path is found from where we are, not in its folder", async () => {
    const folder = mkdtempSync(join(tmpdir(), "mlp-child-"));
    try {
      const program = join(folder, "agent");
      writeFileSync(program, "#!/bin/sh\npwd\n", { mode: 0o700 });
      const command = [relative(process.cwd(), program)];
      const child = shell("", { command, cwd: import.meta.dir });
      expect(await firstLine(child)).toBe(import.meta.dir);
      expect(await child.exited).toBe(0);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  test("starts in the folder and with nothing but the environment that it is given", async () => {
    const child = shell("pwd; env | cut -d= -f1 | sort | tr '\\n' ' '", {
      cwd: "/tmp",
      env: { A: "1", PATH: "/usr/bin:/bin" },
    });
    const text = await new Response(child.output).text();
    expect(text.split("\n")[0]).toBe("/tmp");
    expect(text).toContain("A ");
    expect(text).not.toContain("HOME");
  });
});

describe("the environment of a child", () => {
  test("has no secret of ours that somebody chose, under no other name", () => {
    const env = {
      MLP_API_KEY: "chosen by the user",
      OPENAI_API_KEY: "chosen by the user",
      MLP_LOG_LEVEL: "info",
      LEVEL: "info",
      MLP_AGENT_TOKEN: "",
      EMPTY: "",
    };
    expect(childEnvironment(env)).toEqual({ LEVEL: "info", EMPTY: "" });
  });

  test("has neither our variables nor our secrets, and keeps the rest", () => {
    const secret = `mlp_${"x".repeat(43)}`;
    const env = {
      PATH: "/bin",
      ANTHROPIC_API_KEY: "a",
      MLP_AGENT_TOKEN: "b",
      mlp_home: "c",
      LOCAL_PROVIDER_CONFIG: "d",
      OPENAI_API_KEY: secret,
      HEADERS: `authorization: ${secret}`,
      GONE: undefined,
    };
    expect(childEnvironment(env, { EXTRA: "1" })).toEqual({
      PATH: "/bin",
      ANTHROPIC_API_KEY: "a",
      EXTRA: "1",
    });
  });
});

describe("a workspace", () => {
  const folder = mkdtempSync(join(tmpdir(), "mlp-ws-"));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("of its own is empty, for our user alone, and gone when it is closed", () => {
    const one = scratchWorkspace(join(folder, "a"));
    const two = scratchWorkspace(join(folder, "a"));
    expect([statSync(one.path).mode & 0o777, readdirSync(one.path)]).toEqual([0o700, []]);
    expect(one.path).not.toBe(two.path);
    writeFileSync(join(one.path, "file"), "x");
    one.close();
    one.close();
    expect([existsSync(one.path), existsSync(two.path), one.isChosen]).toEqual([
      false,
      true,
      false,
    ]);
  });

  test("of a process that is gone is removed when the next one is made", () => {
    const stale = join(folder, `scratch-${2 ** 22 + 1}-abc`);
    const foreign = join(folder, "not-ours");
    mkdirSync(stale, { recursive: true });
    mkdirSync(foreign);
    scratchWorkspace(folder);
    expect([existsSync(stale), existsSync(foreign)]).toEqual([false, true]);
  });

  test("that was chosen is left alone, and has to be a folder", () => {
    mkdirSync(folder, { recursive: true });
    const chosen = chosenWorkspace(folder);
    chosen.close();
    expect([chosen.isChosen, existsSync(folder)]).toEqual([true, true]);
    expect(() => chosenWorkspace(join(folder, "nothing"))).toThrow("is no folder");
  });
});

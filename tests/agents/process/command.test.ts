import { describe, expect, test } from "bun:test";

import { runCommand } from "../../../src/agents/process/command.ts";
import { createFakeClock, createMemoryLog } from "../support.ts";

function run(script: string, clock = createFakeClock()) {
  return runCommand({
    command: ["/bin/sh", "-c", script],
    cwd: "/",
    env: { PATH: "/usr/bin:/bin" },
    clock,
    log: createMemoryLog(),
    redact: (text) => text,
    timeMs: 3_000,
  });
}

describe("a command", () => {
  test("gives its output, its words and its exit code", async () => {
    expect(await run("echo out; echo word >&2; exit 3")).toEqual({
      exitCode: 3,
      output: "out\n",
      words: ["word"],
    });
  });

  test("has no input to wait for", async () => {
    expect(await run("cat; echo end")).toMatchObject({ exitCode: 0, output: "end\n" });
  });

  test("that does not end in time is ended, with what it has said", async () => {
    const clock = createFakeClock();
    const running = run("sleep 600", clock);
    expect(await clock.nextTimer()).toBe(3_000);
    clock.advance(3_000);
    // Asked to end in its very first moment it may not hear it: then it is killed.
    expect(await clock.nextTimer()).toBe(2_000);
    clock.advance(2_000);
    expect((await running).exitCode).toBeUndefined();
  });

  test("that says too much is not kept whole", async () => {
    const { exitCode, output } = await run("head -c 1000000 /dev/zero | tr '\\0' x");
    expect([exitCode, output.length]).toEqual([0, 256 * 1024]);
  });

  test("is over when it has ended, whoever it left behind with its output in hand", async () => {
    const fake = createFakeClock();
    const exited = Promise.withResolvers<() => void>();
    const clock: typeof fake = {
      ...fake,
      timer: (ms, ring) => {
        if (ms === 500) exited.resolve(ring);
        return fake.timer(ms, ring);
      },
    };
    const left = `${process.execPath} -e 'const child = Bun.spawn(["sleep", "600"], { detached: true, stdio: ["ignore", "inherit", "inherit"] }); child.unref(); console.log(child.pid)'`;
    const running = run(left, clock);
    (await exited.promise)();
    const { exitCode, output } = await running;
    process.kill(Number(output));
    expect(exitCode).toBe(0);
  });
});

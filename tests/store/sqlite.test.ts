import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../src/core/error.ts";
import { openSqliteStore } from "../../src/store/sqlite.ts";
import { aStoredSession, storeContract } from "../contract/store-contract.ts";

storeContract("the SQLite store", () => {
  const folder = mkdtempSync(join(tmpdir(), "mlp-store-"));
  return {
    open: () => openSqliteStore(join(folder, "mlp.db")),
    destroy: () => rmSync(folder, { recursive: true, force: true }),
  };
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mlp-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function refusal(open: () => unknown): AppError {
  try {
    open();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe("the file", () => {
  test("is made with its folders, and only its owner may read any of it", async () => {
    const before = process.umask(0);
    try {
      const path = join(folder, "a", "b", "mlp.db");
      const store = openSqliteStore(path);
      await store.sessions.save(aStoredSession());
      expect(modeOf(join(folder, "a", "b"))).toBe("700");
      expect([path, `${path}-wal`, `${path}-shm`].map(modeOf)).toEqual(["600", "600", "600"]);
      store.close();
    } finally {
      process.umask(before);
    }
  });

  test("is refused when others can read it, and the message says what to run", () => {
    const path = join(folder, "mlp.db");
    openSqliteStore(path).close();
    chmodSync(path, 0o644);
    const error = refusal(() => openSqliteStore(path));
    expect(error.code).toBe("forbidden");
    expect(error.message).toContain(`chmod 600 ${path}`);
    expect(error.message).not.toContain("\n");
  });

  test("is refused in a folder that others can change", () => {
    const open = join(folder, "open");
    mkdirSync(open);
    chmodSync(open, 0o777);
    const error = refusal(() => openSqliteStore(join(open, "mlp.db")));
    expect(error.message).toContain(`chmod 700 ${open}`);
    expect(existsSync(join(open, "mlp.db"))).toBe(false);
  });

  test("is refused when it is a link, and what the link points to is not touched", () => {
    const target = join(folder, "target");
    writeFileSync(target, "precious", { mode: 0o600 });
    const path = join(folder, "mlp.db");
    symlinkSync(target, path);
    expect(refusal(() => openSqliteStore(path)).message).toContain("symbolic link");
    symlinkSync(join(folder, "nowhere"), join(folder, "dangling.db"));
    refusal(() => openSqliteStore(join(folder, "dangling.db")));
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
    expect(statSync(target).size).toBe("precious".length);
  });

  test("is refused when it is a folder, or a file stands where its folder should be", () => {
    mkdirSync(join(folder, "mlp.db"));
    expect(refusal(() => openSqliteStore(join(folder, "mlp.db"))).message).toContain("folder");
    writeFileSync(join(folder, "file"), "");
    expect(refusal(() => openSqliteStore(join(folder, "file", "mlp.db"))).message).toContain(
      "a part of its path is a file",
    );
  });

  test("is refused when it is not SQLite", () => {
    const path = join(folder, "mlp.db");
    writeFileSync(path, "x".repeat(8_192), { mode: 0o600 });
    const error = refusal(() => openSqliteStore(path));
    expect(error.message).toBe(
      `The store ${path} is not a store of mlp. Move it away, and a new one is made.`,
    );
  });

  test("is refused when its pages are damaged", async () => {
    const path = join(folder, "mlp.db");
    const store = openSqliteStore(path);
    for (let index = 0; index < 200; index += 1) {
      await store.sessions.save(aStoredSession({ sessionId: `session_${index}` }));
    }
    store.close();
    const bytes = new Uint8Array(await Bun.file(path).arrayBuffer());
    bytes.fill(0xa5, 4_096 * 2, 4_096 * 6);
    writeFileSync(path, bytes);
    expect(refusal(() => openSqliteStore(path)).message).toContain("is damaged");
  });

  test("is refused when it belongs to another program", () => {
    const path = join(folder, "mlp.db");
    const other = new Database(path);
    other.run("CREATE TABLE bookmarks (url TEXT)");
    other.close();
    chmodSync(path, 0o600);
    expect(refusal(() => openSqliteStore(path)).message).toContain("another program's file");
  });

  test("is refused when a newer mlp wrote it, and stays as it is", () => {
    const path = join(folder, "mlp.db");
    openSqliteStore(path).close();
    const newer = new Database(path);
    newer.run("PRAGMA user_version = 99");
    newer.close();
    expect(refusal(() => openSqliteStore(path)).message).toContain("newer mlp");
    const after = new Database(path);
    expect(after.query("PRAGMA user_version").get()).toEqual({ user_version: 99 });
    after.close();
  });

  test("an empty file becomes a store", async () => {
    const path = join(folder, "mlp.db");
    writeFileSync(path, "", { mode: 0o600 });
    const store = openSqliteStore(path);
    expect(await store.sessions.load()).toEqual([]);
    store.close();
  });

  test("opens twice, and both see what either wrote", async () => {
    const path = join(folder, "mlp.db");
    const one = openSqliteStore(path);
    const two = openSqliteStore(path);
    await one.sessions.save(aStoredSession());
    await two.sessions.count("session_1", 2, 0, 1);
    expect((await one.sessions.load())[0]?.requestCount).toBe(2);
    one.close();
    two.close();
  });

  test("a write that another process blocks fails with what to do, and the store goes on after", async () => {
    const path = join(folder, "mlp.db");
    const store = openSqliteStore(path, { busyTimeoutMs: 1 });
    const other = new Database(path);
    other.run("BEGIN IMMEDIATE");
    const error: unknown = await store.sessions.save(aStoredSession()).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).message).toContain("held by another process");
    other.run("ROLLBACK");
    other.close();
    await store.sessions.save(aStoredSession());
    expect(await store.sessions.load()).toHaveLength(1);
    store.close();
  });

  test("a scope that this version does not know grants nothing, a list that cannot be read is an error", async () => {
    const path = join(folder, "mlp.db");
    const store = openSqliteStore(path);
    await store.sessions.save(aStoredSession());
    const other = new Database(path);
    other.run(`UPDATE sessions SET scopes = '["inference","root"]'`);
    expect((await store.sessions.load())[0]?.scopes).toEqual(["inference"]);
    other.run("UPDATE sessions SET scopes = 'broken'");
    const error: unknown = await store.sessions.load().catch((thrown) => thrown);
    expect((error as AppError).code).toBe("internal");
    other.close();
    store.close();
  });

  test("closing leaves one file with everything in it, and closing twice is harmless", async () => {
    const path = join(folder, "mlp.db");
    const store = openSqliteStore(path);
    await store.sessions.save(aStoredSession());
    await store.sessions.load();
    store.close();
    expect([existsSync(`${path}-wal`), existsSync(`${path}-shm`)]).toEqual([false, false]);
    expect(() => store.close()).not.toThrow();
  });
});

describe("kill -9", () => {
  test("loses nothing that was acknowledged, and the store opens again", async () => {
    const path = join(folder, "mlp.db");
    for (let round = 0; round < 3; round += 1) {
      rmSync(path, { force: true });
      rmSync(`${path}-wal`, { force: true });
      rmSync(`${path}-shm`, { force: true });
      const acknowledged = await killAfter(path, 10 + round * 7);
      const store = openSqliteStore(path);
      const counts = (await store.sessions.load()).map((each) => each.requestCount);
      store.close();
      expect(acknowledged).toBeGreaterThanOrEqual(9);
      expect(counts.slice(0, acknowledged + 1)).toEqual(
        Array.from({ length: acknowledged + 1 }, (_, index) => index),
      );
    }
  });
});

/** Runs the writer until it has said this many lines, kills it, and answers with the last write it said was done. */
async function killAfter(path: string, lines: number): Promise<number> {
  const writer = Bun.spawn([process.execPath, join(import.meta.dir, "writer.ts"), path], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let said = "";
  const decoder = new TextDecoder();
  for await (const chunk of writer.stdout) {
    said += decoder.decode(chunk, { stream: true });
    if (said.split("\n").length > lines) writer.kill("SIGKILL");
  }
  await writer.exited;
  return Number(said.slice(0, said.lastIndexOf("\n")).split("\n").at(-1));
}

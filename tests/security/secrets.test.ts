import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "../../src/core/error.ts";
import { createOnce, makePrivateFolder } from "../../src/security/secret-file.ts";
import { loadSecrets } from "../../src/security/secrets.ts";

const FILES = ["agent-token", "api-key", "bridge-token", "control-token"];
const GOOD = "a-secret-of-my-own-choice";

let folder: string;
let dir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mlp-secrets-"));
  dir = join(folder, "home", "secrets");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function load(env: Record<string, string | undefined> = {}): ReturnType<typeof loadSecrets> {
  return loadSecrets({ dir, env });
}

function refusal(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was not refused");
}

function modeOf(path: string): string {
  return (statSync(path).mode & 0o777).toString(8);
}

describe("the first start", () => {
  test("makes four different secrets of 256 bits, in files that only their owner may read", () => {
    const before = process.umask(0);
    try {
      const secrets = load();
      const values = Object.values(secrets).map((secret) => secret.value);
      expect(new Set(values).size).toBe(4);
      for (const value of values) expect(value).toMatch(/^mlp_[A-Za-z0-9_-]{43}$/);
      expect(readdirSync(dir).sort()).toEqual(FILES);
      expect(FILES.map((file) => modeOf(join(dir, file)))).toEqual(["600", "600", "600", "600"]);
      expect([modeOf(dir), modeOf(join(folder, "home"))]).toEqual(["700", "700"]);
      expect(secrets.apiKey.file).toBe(join(dir, "api-key"));
    } finally {
      process.umask(before);
    }
  });

  test("is the only one: the next finds the same", () => {
    const first = load();
    expect(load()).toEqual(first);
  });

  test("makes only what is asked for", () => {
    const secrets = loadSecrets({ dir, env: {}, only: ["agentToken"] });
    expect(Object.keys(secrets)).toEqual(["agentToken"]);
    expect(readdirSync(dir)).toEqual(["agent-token"]);
  });

  test("of eight processes at once ends with one key that all of them have", async () => {
    const child = join(import.meta.dir, "secrets-child.ts");
    const children = Array.from({ length: 8 }, () =>
      Bun.spawn([process.execPath, child, dir], { stdout: "pipe", stderr: "inherit" }),
    );
    const values = await Promise.all(children.map((each) => new Response(each.stdout).text()));
    expect(values[0]).toMatch(/^mlp_/);
    expect(new Set(values).size).toBe(1);
    expect(readFileSync(join(dir, "api-key"), "utf8").trim()).toBe(values[0] ?? "");
    expect(readdirSync(dir).sort()).toEqual(FILES);
  });

  test("that loses the race takes the winner's secret and leaves no draft", () => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const path = join(dir, "api-key");
    writeFileSync(path, GOOD, { mode: 0o600 });
    expect(createOnce(path, "mine")).toBe(GOOD);
    expect(readdirSync(dir)).toEqual(["api-key"]);
  });
});

describe("the environment", () => {
  test("comes before the files, and nothing of it is written", () => {
    const env = {
      MLP_API_KEY: `${GOOD}-1`,
      MLP_CONTROL_TOKEN: `${GOOD}-2`,
      MLP_BRIDGE_TOKEN: `${GOOD}-3`,
      MLP_AGENT_TOKEN: `${GOOD}-4`,
    };
    const secrets = load(env);
    expect(Object.values(secrets)).toEqual(
      [1, 2, 3, 4].map((index) => ({ value: `${GOOD}-${index}`, file: undefined })),
    );
    expect(existsSync(dir)).toBe(false);
  });

  test("may give some, the files give the rest; an empty value is none", () => {
    const secrets = load({ MLP_API_KEY: GOOD, MLP_CONTROL_TOKEN: "" });
    expect(secrets.apiKey.value).toBe(GOOD);
    expect(secrets.controlToken.file).toBe(join(dir, "control-token"));
    expect(existsSync(join(dir, "api-key"))).toBe(false);
  });

  test.each([
    "dev-token",
    "x".repeat(15),
    "x".repeat(513),
    "with a space in it",
    "with\nnewline-in-it",
    "ünïcödé-is-no-header",
  ])("%p is refused with the name of the variable and without its value", (value) => {
    const error = refusal(() => load({ MLP_BRIDGE_TOKEN: value }));
    expect(error.code).toBe("invalid_request");
    expect(error.message).toContain("MLP_BRIDGE_TOKEN must have 16 to 512 characters");
    expect(error.message).not.toContain(value);
  });

  test("cannot give one secret to two roles", () => {
    const error = refusal(() => load({ MLP_API_KEY: GOOD, MLP_CONTROL_TOKEN: GOOD }));
    expect(error.message).toContain("MLP_API_KEY and MLP_CONTROL_TOKEN are the same");
    expect(error.message).not.toContain(GOOD);
  });
});

describe("a file of a secret", () => {
  const path = (): string => join(dir, "api-key");
  beforeEach(() => {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  });

  test("may end with a newline or not", () => {
    for (const text of [GOOD, `${GOOD}\n`, `${GOOD}\r\n`]) {
      writeFileSync(path(), text, { mode: 0o600 });
      expect(load().apiKey.value).toBe(GOOD);
    }
  });

  test("may be even stricter", () => {
    writeFileSync(path(), GOOD, { mode: 0o400 });
    expect(load().apiKey.value).toBe(GOOD);
  });

  test.each([0o644, 0o640, 0o604, 0o660, 0o606, 0o666, 0o610, 0o601, 0o777])(
    "with mode %o is refused, and the message says what to run",
    (mode) => {
      writeFileSync(path(), GOOD);
      chmodSync(path(), mode);
      const error = refusal(load);
      expect(error.code).toBe("forbidden");
      expect(error.message).toBe(`${path()} is open to other users; run: chmod 600 ${path()}`);
    },
  );

  test.each([0o755, 0o750, 0o705, 0o770, 0o777, 0o711])(
    "in a folder with mode %o is refused, and the message says what to run",
    (mode) => {
      chmodSync(dir, mode);
      expect(refusal(load).message).toBe(`${dir} is open to other users; run: chmod 700 ${dir}`);
      expect(readdirSync(dir)).toEqual([]);
    },
  );

  test("is quoted in what is to be run, where a shell would not read it as one word", () => {
    const odd = join(folder, "my secrets");
    mkdirSync(odd, { mode: 0o755 });
    expect(refusal(() => makePrivateFolder(odd)).message).toEndWith(`run: chmod 700 '${odd}'`);
  });

  test("that is a link is refused, wherever it points", () => {
    const target = join(folder, "target");
    writeFileSync(target, GOOD, { mode: 0o600 });
    for (const to of [target, join(folder, "nowhere"), path()]) {
      symlinkSync(to, path());
      expect(refusal(load).message).toBe(`${path()} is a symbolic link; move it away`);
      rmSync(path());
    }
    expect(existsSync(join(folder, "nowhere"))).toBe(false);
  });

  test("in a folder that is a link is refused", () => {
    const real = join(folder, "real");
    mkdirSync(real, { mode: 0o700 });
    rmSync(dir, { recursive: true });
    symlinkSync(real, dir);
    expect(refusal(load).message).toContain("is not a folder");
    expect(readdirSync(real)).toEqual([]);
  });

  test("that is a folder or a pipe is refused, and nothing waits for the pipe", () => {
    mkdirSync(path(), { mode: 0o700 });
    expect(refusal(load).message).toContain("is not a regular file");
    rmSync(path(), { recursive: true });
    Bun.spawnSync(["mkfifo", "-m", "600", path()]);
    expect(refusal(load).message).toContain("is not a regular file");
  });

  test.each([
    ["empty", ""],
    ["short", "abc"],
    ["two lines", `${GOOD}\n${GOOD}`],
    ["binary", "\u0000".repeat(32)],
  ])(
    "that is %s is refused rather than replaced: it may be somebody's only copy",
    (_name, text) => {
      writeFileSync(path(), text, { mode: 0o600 });
      expect(refusal(load).message).toContain(`run: rm ${path()}`);
      expect(readFileSync(path(), "utf8")).toBe(text);
    },
  );

  test("that is huge is refused", () => {
    writeFileSync(path(), "x".repeat(5_000), { mode: 0o600 });
    expect(refusal(load).message).toContain("too large");
  });

  test("with a second name is fine: that is how two processes agree", () => {
    writeFileSync(path(), GOOD, { mode: 0o600 });
    linkSync(path(), join(dir, "other-name"));
    expect(load().apiKey.value).toBe(GOOD);
  });

  test.skipIf(process.getuid?.() !== 0)("of another user is refused", async () => {
    writeFileSync(path(), GOOD, { mode: 0o600 });
    expect(Bun.spawnSync(["chown", "65534", path()]).exitCode).toBe(0);
    expect(refusal(load).message).toBe(`${path()} belongs to another user; move it away`);
  });

  test("that cannot be made is an error of one line", () => {
    rmSync(dir, { recursive: true });
    writeFileSync(dir, "a file");
    const error = refusal(load);
    expect(error.message).not.toContain("\n");
    expect(error.message).toContain(dir);
  });
});

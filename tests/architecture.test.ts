// The import law of ARCHITECTURE.md, read from the files themselves: lint enforces it too, and this test would
// still stand if a lint pattern were wrong.

import { expect, test } from "bun:test";
import { Glob } from "bun";

const ROOT = `${import.meta.dir}/../src`;

const SIBLINGS = [
  "dialects",
  "engine",
  "bridge",
  "agents",
  "security",
  "store",
  "observe",
  "config",
];
const BELOW_HTTP = ["core", "wire", ...SIBLINGS.filter((folder) => folder !== "agents")];

/** Folder → the folders it may import, beside itself. */
const LAW: Readonly<Record<string, readonly string[]>> = {
  core: [],
  wire: ["core"],
  ...Object.fromEntries(SIBLINGS.map((folder) => [folder, ["core", "wire"]])),
  http: BELOW_HTTP,
  app: [...BELOW_HTTP, "agents", "http"],
  cli: [...BELOW_HTTP, "agents", "http", "app"],
  "main.ts": ["cli"],
};

const IMPURE =
  /\b(Bun\.|process\.|fetch\(|Date\.now|Math\.random|setTimeout|setInterval|performance\.)/;

interface SourceFile {
  /** Relative to src. */
  readonly path: string;
  readonly text: string;
}

function importsOf({ text }: SourceFile): readonly string[] {
  return [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(\s*|\bimport\s+)"([^"]+)"/g)].map(
    ([, name]) => name!,
  );
}

function folderOf(path: string): string {
  return path.split("/")[0]!;
}

function violations(files: readonly SourceFile[]): readonly string[] {
  return files.flatMap((file) => {
    const folder = folderOf(file.path);
    const allowed = LAW[folder];
    if (allowed === undefined) return [`${file.path}: a folder that the law does not know`];
    return importsOf(file).flatMap((name) => {
      if (/^elysia|^@elysiajs\//.test(name) && folder !== "http") {
        return [`${file.path}: only http may import ${name}`];
      }
      if (!name.startsWith(".")) return [];
      const target = new URL(name, `file:///src/${file.path}`).pathname.replace(/^\/src\//, "");
      if (target.startsWith("/")) return [];
      const to = folderOf(target);
      if (to === folder) return foreignDialect(file.path, target);
      return allowed.includes(to) ? [] : [`${file.path}: may not import ${target}`];
    });
  });
}

/** No dialect imports another; what they are all made of is in the kit. */
function foreignDialect(from: string, to: string): readonly string[] {
  const [of, dialect] = to.split("/");
  if (of !== "dialects" || dialect === "kit" || from.split("/")[1] === dialect) return [];
  return [`${from}: may not import ${to}`];
}

async function sources(): Promise<readonly SourceFile[]> {
  const paths = [...new Glob("**/*.ts").scanSync(ROOT)];
  return Promise.all(
    paths.map(async (path) => ({ path, text: await Bun.file(`${ROOT}/${path}`).text() })),
  );
}

test("every import follows the law", async () => {
  const files = await sources();
  expect(files.length).toBeGreaterThan(50);
  expect(violations(files)).toEqual([]);
});

test("a planted violation is found, types and dynamic imports too", () => {
  const planted: SourceFile[] = [
    { path: "core/turn.ts", text: 'import type { X } from "../engine/engine.ts";' },
    { path: "engine/engine.ts", text: 'const x = await import("../bridge/hub.ts");' },
    { path: "dialects/openai/decode.ts", text: 'export { x } from "../ollama/decode.ts";' },
    { path: "bridge/hub.ts", text: 'import { Elysia } from "elysia";' },
    { path: "http/gate.ts", text: 'import { x } from "../agents/rehearsal.ts";' },
    { path: "new/thing.ts", text: "" },
  ];
  expect(violations(planted)).toHaveLength(planted.length);
});

test("core, wire, dialects and engine touch neither the machine nor the clock", async () => {
  const pure = (await sources()).filter(({ path }) =>
    ["core", "wire", "dialects", "engine"].includes(folderOf(path)),
  );
  const withoutComments = (text: string) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  expect(
    pure.filter(({ text }) => IMPURE.test(withoutComments(text))).map(({ path }) => path),
  ).toEqual([]);
});

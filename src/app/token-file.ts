// Where a runner keeps its session's token between starts: a file that only its owner may read.

import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import type { SessionTokenStore } from "../bridge/runner.ts";

export function createTokenFile(path: string): SessionTokenStore {
  return {
    load: async () => {
      try {
        return (await readFile(path, "utf8")).trim() || undefined;
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw error;
      }
    },
    // Written beside and moved into place: a runner that is killed here keeps the old token or the new one.
    save: async (token) => {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const draft = `${path}.${process.pid}`;
      const file = await open(draft, "w", 0o600);
      try {
        await file.writeFile(`${token}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(draft, path);
    },
  } satisfies SessionTokenStore;
}

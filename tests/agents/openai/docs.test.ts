// The page about model servers is true: its configuration is one, and its rule is the code's.

import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isMovableStatus } from "../../../src/agents/openai/failover.ts";
import { agentSpecOf } from "../../../src/config/agent-spec.ts";
import { parseConfig } from "../../../src/config/parse-yaml.ts";
import type { AgentEntry } from "../../../src/config/schema.ts";

const text = readFileSync(join(import.meta.dir, "../../../docs/openai-agent.md"), "utf8");
const fenced = (kind: string): readonly string[] =>
  Array.from(
    text.matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)^\`\`\``, "gms")),
    ([, body = ""]) => body,
  );

test("its configuration is read, with every key that it explains", () => {
  const [piece = ""] = fenced("yaml");
  const [entry] = parseConfig(piece, "the page")[0]!.value as readonly AgentEntry[];
  expect(agentSpecOf(entry!)).toEqual({
    connector: "openai",
    label: "The house's models",
    upstreams: [
      { name: "workstation", baseUrl: "http://127.0.0.1:1234/v1", weight: 3 },
      { name: "cellar", baseUrl: "http://192.168.1.20:8080/v1" },
      { name: "rack", baseUrl: "http://192.168.1.30:8000/v1", apiKeyEnv: "RACK_KEY" },
      { name: "laptop", baseUrl: "http://192.168.1.40:11434/v1", model: "qwen3:8b" },
      {
        name: "hosted",
        baseUrl: "https://models.example/v1",
        apiKeyFile: "~/.config/hosted-key",
        connectMs: 10_000,
      },
    ],
  });
  const explained = [...text.matchAll(/^\| (`\w+`(?:, `\w+`)*) +\| /gm)].flatMap(([, keys = ""]) =>
    keys.replaceAll("`", "").split(", "),
  );
  expect(explained.filter((key) => !piece.includes(`${key}: `))).toEqual([]);
  expect(explained).toContain("connect_timeout");
});

test("its rule names the statuses that send a turn on, and those that never do", () => {
  const rows = text.split("\n").filter((line) => /^\| .*\d{3}/.test(line));
  const statusesOf = (end: RegExp) =>
    rows.filter((row) => end.test(row)).flatMap((row) => row.match(/\b\d{3}\b/g) ?? []);
  const movable = statusesOf(/goes to the next *\|$/);
  const final = statusesOf(/\| fails *\|$/);
  expect(movable).toEqual(["429", "503", "529"]);
  expect(movable.every((status) => isMovableStatus(Number(status)))).toBe(true);
  expect(final).toContain("500");
  expect(final.some((status) => isMovableStatus(Number(status)))).toBe(false);
});

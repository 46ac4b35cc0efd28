import { readFileSync } from "node:fs";

import { Value } from "@sinclair/typebox/value";
import type { TSchema } from "@sinclair/typebox";
import { describe, expect, test } from "bun:test";
import { parse } from "yaml";

import { loadConfig } from "../../src/config/load.ts";
import { parseConfig } from "../../src/config/parse-yaml.ts";
import { Config } from "../../src/config/schema.ts";
import { isBlock, SETTINGS } from "../../src/config/settings.ts";

const file = new URL("../../config.example.yaml", import.meta.url).pathname;
const text = readFileSync(file, "utf8");

function defaults(): Config {
  return loadConfig({ env: {}, paths: { configFile: "/nowhere/config.yaml" } }).config;
}

describe("the example configuration", () => {
  test("fits the schema and is exactly the defaults", () => {
    const tree: unknown = parse(text);
    expect(Value.Check(Config, tree)).toBe(true);
    expect(tree).toEqual(defaults());
  });

  test("has every setting, and nothing else", () => {
    const found = parseConfig(text, file).map(({ setting }) => setting.path);
    expect(found.toSorted()).toEqual(SETTINGS.map((setting) => setting.path).toSorted());
  });

  test("says of every section and setting what the schema says", () => {
    const comments = commentsByKey(text);
    for (const [section, schema] of Object.entries<TSchema>(Config.properties)) {
      expect(comments.get(section)).toStartWith(String(schema.description));
      if (!isBlock(schema)) continue;
      for (const [key, inner] of Object.entries(schema.properties)) {
        expect(comments.get(`${section}.${key}`)).toStartWith(String(inner.description));
      }
    }
  });

  test("has examples in its comments that are valid too", () => {
    const examples = uncommentExamples(text);
    expect(examples.length).toBeGreaterThanOrEqual(6);
    for (const example of examples) {
      expect(parseConfig(example, "example")).toHaveLength(1);
    }
  });
});

/** The comment above each key, as one line. */
function commentsByKey(yaml: string): Map<string, string> {
  const comments = new Map<string, string>();
  let section = "";
  let comment: string[] = [];
  for (const line of yaml.split("\n")) {
    const key = /^( *)([a-z_]+):/.exec(line);
    if (line.trim().startsWith("#")) comment.push(line.trim().slice(1).trim());
    else if (key === null) comment = [];
    else {
      if (key[1] === "") section = key[2]!;
      const path = key[1] === "" ? section : `${section}.${key[2]}`;
      comments.set(path, comment.join(" "));
      comment = [];
    }
  }
  return comments;
}

/** What stands after each `# Example:`, under its section. */
function uncommentExamples(yaml: string): string[] {
  const examples: string[] = [];
  let section = "";
  let current: string[] | undefined;
  for (const line of yaml.split("\n")) {
    const top = /^([a-z_]+):/.exec(line);
    if (top !== null) section = top[1]!;
    if (/^ *# Example:$/.test(line)) current = line.startsWith(" ") ? [`${section}:`] : [];
    else if (current !== undefined && line.trim().startsWith("#")) {
      current.push(line.replace("# ", ""));
    } else if (current !== undefined) {
      examples.push(current.join("\n"));
      current = undefined;
    }
  }
  return examples;
}

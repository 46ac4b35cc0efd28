// The lists of Ollama's dialect against what editors read there, one rule of theirs a test.

import { describe, expect, test } from "bun:test";
import { Value } from "@sinclair/typebox/value";
import { AppError } from "../../../src/core/error.ts";
import type { Model } from "../../../src/core/model.ts";
import {
  PsAnswer,
  PullAnswer,
  ShowAnswer,
  StatusAnswer,
  TagsAnswer,
  VersionAnswer,
} from "../../../src/dialects/ollama/answer-schema.ts";
import {
  encodePs,
  encodePull,
  encodePullLines,
  encodeShow,
  encodeStatus,
  encodeTags,
  encodeVersion,
} from "../../../src/dialects/ollama/models.ts";

const OPTIONS = {
  modifiedAt: 1_767_323_045_678,
  sha256: (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex"),
};
const MODIFIED_AT = "2026-01-02T03:04:05.678Z";

const SMALL: Model = { id: "rehearsal", capabilities: ["completion"] };
const LARGE: Model = {
  id: "claude-via-cursor",
  label: "Claude",
  contextLength: 200_000,
  capabilities: ["completion", "tools", "insert", "vision", "thinking"],
};
const small = { model: SMALL, connector: "rehearsal" };
const large = { model: LARGE, connector: "cursor" };

describe("tags", () => {
  test("lists a model with every field that some editor cannot do without", () => {
    expect(encodeTags([large], OPTIONS)).toEqual({
      models: [
        {
          name: "claude-via-cursor",
          model: "claude-via-cursor",
          modified_at: MODIFIED_AT,
          size: 0,
          digest: OPTIONS.sha256("claude-via-cursor"),
          details: {
            parent_model: "",
            format: "agent",
            family: "cursor",
            families: ["cursor"],
            parameter_size: "",
            quantization_level: "",
            context_length: 200_000,
          },
          capabilities: ["completion", "tools", "insert", "vision", "thinking"],
        },
      ],
    });
  });

  test("is a list even when it is empty", () => {
    expect(encodeTags([], OPTIONS)).toEqual({ models: [] });
  });

  test("keeps its digests from one call to the next, and two models apart", () => {
    const digests = () => encodeTags([small, large], OPTIONS).models.map((model) => model.digest);
    expect(digests()).toEqual(digests());
    expect(new Set(digests()).size).toBe(2);
    expect(digests()[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("show", () => {
  test("tells Copilot and Zed the context length by the architecture's name", () => {
    expect(encodeShow(large, OPTIONS).model_info).toEqual({
      "general.architecture": "cursor",
      "general.basename": "claude-via-cursor",
      "cursor.context_length": 200_000,
    });
  });

  test("tells Continue the context length in a line that its pattern takes", () => {
    const line = encodeShow(large, OPTIONS).parameters;
    expect(/^(\S+)\s+((?:".*")|\S+)$/.exec(line)?.slice(1)).toEqual(["num_ctx", "200000"]);
  });

  test("claims no context length that the agent did not name", () => {
    const show = encodeShow(small, OPTIONS);
    expect(show.parameters).toBe("");
    expect(Object.keys(show.model_info)).toEqual(["general.architecture", "general.basename"]);
    expect(show.details).not.toHaveProperty("context_length");
  });

  test.each([
    [[], false, false],
    [["insert"], true, false],
    [["tools"], false, true],
    [["insert", "tools"], true, true],
  ] as const)(
    "the template of a model that can %j has .Suffix: %p, tools: %p",
    (can, suffix, tools) => {
      const model = { id: "m", capabilities: ["completion" as const, ...can] };
      const { template, capabilities } = encodeShow({ model, connector: "acp" }, OPTIONS);
      expect(template.includes(".Suffix")).toBe(suffix);
      expect(template.includes("tools")).toBe(tools);
      expect(capabilities).toEqual(["completion", ...can]);
    },
  );

  test("says the same as the list about the model", () => {
    const [listed] = encodeTags([large], OPTIONS).models;
    const show = encodeShow(large, OPTIONS);
    expect(show.details).toEqual(listed!.details);
    expect(show.modified_at).toBe(listed!.modified_at);
    expect(show.license).toBe("");
    expect(show.modelfile).toContain("FROM claude-via-cursor\n");
  });
});

describe("ps", () => {
  test("lists when each grant ends, and a far date for one that does not", () => {
    const running = [
      { ...large, expiresAt: 1_767_323_045_678 },
      { ...small, expiresAt: null },
    ];
    const { models } = encodePs(running, OPTIONS);
    expect(models[0]).toMatchObject({
      name: "claude-via-cursor",
      model: "claude-via-cursor",
      size: 0,
      size_vram: 0,
      context_length: 200_000,
      expires_at: MODIFIED_AT,
    });
    expect(models[1]).toMatchObject({ context_length: 0, expires_at: "2200-01-01T00:00:00.000Z" });
  });
});

describe("the rest", () => {
  test("the version is one that clients take: numbers, and 0.14 or later for Claude Code", () => {
    const [, major, minor] = /^(\d+)\.(\d+)\.\d+$/.exec(encodeVersion().version)!;
    expect(Number(major) * 1000 + Number(minor)).toBeGreaterThanOrEqual(14);
  });

  test("says that there is no cloud", () => {
    expect(encodeStatus()).toEqual({ cloud: { disabled: true, source: "config" } });
  });

  test("a pull ends in the word that clients wait for, whole and in lines", () => {
    expect(encodePull()).toEqual({ status: "success" });
    expect(encodePullLines()).toBe('{"status":"pulling manifest"}\n{"status":"success"}\n');
  });

  test("a pull that fails says so in its last line", () => {
    const failure = new AppError("model_not_found", "model 'x' not found");
    expect(encodePullLines(failure)).toBe(
      `{"status":"pulling manifest"}\n{"error":"model 'x' not found"}\n`,
    );
  });

  test("every answer is what its schema says", () => {
    expect(Value.Check(TagsAnswer, encodeTags([small, large], OPTIONS))).toBe(true);
    expect(Value.Check(ShowAnswer, encodeShow(small, OPTIONS))).toBe(true);
    expect(Value.Check(PsAnswer, encodePs([{ ...small, expiresAt: null }], OPTIONS))).toBe(true);
    expect(Value.Check(VersionAnswer, encodeVersion())).toBe(true);
    expect(Value.Check(StatusAnswer, encodeStatus())).toBe(true);
    expect(Value.Check(PullAnswer, encodePull())).toBe(true);
  });
});

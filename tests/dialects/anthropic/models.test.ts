import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { AppError } from "../../../src/core/error.ts";
import type { Model } from "../../../src/core/model.ts";
import { encodeModel, encodeModelPage } from "../../../src/dialects/anthropic/models.ts";
import type { ModelsQuery } from "../../../src/dialects/anthropic/models.ts";
import { ModelInfo, ModelInfoList } from "../../../src/dialects/anthropic/models-schema.ts";
import { createShapeCheck } from "./support.ts";

const ALL: ModelsQuery = { limit: null, afterId: null, beforeId: null, lifecycle: [] };
const checkList = createShapeCheck(ModelInfoList);
const checkModel = createShapeCheck(ModelInfo);

function modelsOf(count: number): Model[] {
  return Array.from({ length: count }, (_, index) => ({ id: `m${index}`, capabilities: [] }));
}

function page(models: readonly Model[], query: Partial<ModelsQuery> = {}) {
  const list = encodeModelPage(models, { ...ALL, ...query });
  checkList(list);
  return list;
}

function refusal(query: Partial<ModelsQuery>): readonly unknown[] {
  try {
    page(modelsOf(3), query);
  } catch (error) {
    if (error instanceof AppError) return [error.code, error.param];
  }
  return [];
}

test("a model says what is sure of it, and null for the rest", () => {
  const info = encodeModel({
    id: "a",
    label: "Agent A",
    contextLength: 200_000,
    capabilities: ["completion", "vision", "thinking"],
  });
  checkModel(info);
  expect(info).toMatchObject({
    display_name: "Agent A",
    max_input_tokens: 200_000,
    created_at: "1970-01-01T00:00:00Z",
    lifecycle: "active",
    capabilities: {
      image_input: { supported: true },
      thinking: { supported: true },
      structured_outputs: { supported: true },
      pdf_input: { supported: false },
    },
  });
  const plain = encodeModel({ id: "b", capabilities: ["embedding"] });
  checkModel(plain);
  expect(plain).toMatchObject({
    display_name: "b",
    max_input_tokens: null,
    capabilities: {
      image_input: { supported: false },
      thinking: { supported: false },
      structured_outputs: { supported: false },
    },
  });
});

describe("the list of models", () => {
  test("is one page without a limit, with the first and last ids", () => {
    expect(page(modelsOf(30))).toMatchObject({ has_more: false, first_id: "m0", last_id: "m29" });
    expect(page([])).toEqual({ data: [], has_more: false, first_id: null, last_id: null });
    expect(page(modelsOf(1_001))).toMatchObject({ has_more: true, last_id: "m999" });
  });

  test("read a page at a time in either direction has each model once, in its order", () => {
    const counts = fc.record({ count: fc.nat(12), limit: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(counts, ({ count, limit }) => {
        const models = modelsOf(count);
        const ids = models.map(({ id }) => id);
        const size = { limit: String(limit) };
        const forwards: string[] = [];
        for (let next: string | null = ""; next !== null;) {
          const { data, has_more: more, last_id: last } = page(models, { ...size, afterId: next });
          expect(data.length).toBeLessThanOrEqual(limit);
          forwards.push(...data.map(({ id }) => id));
          next = more ? last : null;
        }
        expect(forwards).toEqual(ids);
        const last = ids.at(-1);
        if (last === undefined) return;
        const backwards: string[] = [last];
        for (let next: string | null = last; next !== null;) {
          const {
            data,
            has_more: more,
            first_id: first,
          } = page(models, { ...size, beforeId: next });
          backwards.unshift(...data.map(({ id }) => id));
          next = more ? first : null;
        }
        expect(backwards).toEqual(ids);
      }),
    );
  });

  test("is refused by the parameter that is wrong, and an empty one is none", () => {
    for (const limit of ["0", "1001", "-1", "1.5", "1e2", "0x5", " 5", "many", "9".repeat(30)]) {
      expect([limit, ...refusal({ limit })]).toEqual([limit, "invalid_request", "limit"]);
    }
    expect(refusal({ afterId: "gone" })).toEqual(["invalid_request", "after_id"]);
    expect(refusal({ beforeId: "gone" })).toEqual(["invalid_request", "before_id"]);
    expect(refusal({ beforeId: "m1", afterId: "m0" })).toEqual(["invalid_request", "before_id"]);
    expect(refusal({ lifecycle: ["new"] })).toEqual(["invalid_request", "lifecycle"]);
    expect(page(modelsOf(2), { limit: "", afterId: "", beforeId: "" }).data.length).toBe(2);
  });

  test("has none of the stages of life in which no model is", () => {
    expect(page(modelsOf(2), { lifecycle: ["active"] }).data.length).toBe(2);
    expect(page(modelsOf(2), { lifecycle: ["deprecated", "retired"] })).toEqual({
      data: [],
      has_more: false,
      first_id: null,
      last_id: null,
    });
  });
});

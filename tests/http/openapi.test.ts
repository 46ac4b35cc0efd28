// The OpenAPI documents in themselves: of the form of OpenAPI 3.1, complete, and the same with a server or without.
// Whether they are true is in openapi-truth.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";

import { describePort } from "../../src/app/describe.ts";
import { loadConfig } from "../../src/config/load.ts";
import { createJudge } from "../support/json-schema.ts";
import type { Judge } from "../support/json-schema.ts";
import { operationsOf, readDocument, SECRETS, startServer } from "./documents-support.ts";
import type { Answer, MediaType, OpenApi, Parameter, Server } from "./documents-support.ts";

const { config } = loadConfig({ env: {}, paths: { configFile: "/nowhere" } });

function printed(port: "provider" | "bridge"): OpenApi {
  return JSON.parse(JSON.stringify(describePort(port, config).openapi())) as OpenApi;
}

/** Keyword → what its value has to be: JSON Schema 2020-12, "Meta-schema", for the keywords that we use. */
const KEYWORDS: Readonly<Record<string, (rule: unknown) => boolean>> = {
  $ref: isText,
  title: isText,
  description: isText,
  pattern: (rule) => isText(rule) && new RegExp(rule as string, "u") instanceof RegExp,
  type: (rule) => [rule].flat().every((type) => TYPES.has(type)),
  const: () => true,
  default: () => true,
  enum: Array.isArray,
  examples: Array.isArray,
  required: (rule) => Array.isArray(rule) && rule.every(isText),
  additionalProperties: (rule) => typeof rule === "boolean",
  ...Object.fromEntries(
    ["minimum", "maximum"].map((name) => [name, (rule: unknown) => typeof rule === "number"]),
  ),
  ...Object.fromEntries(
    [
      ...["minLength", "maxLength", "minItems", "maxItems"],
      ...["minProperties", "maxProperties"],
    ].map((name) => [name, (rule: unknown) => Number.isInteger(rule) && Number(rule) >= 0]),
  ),
  anyOf: (rule) => Array.isArray(rule) && rule.length > 0 && rule.every(isSchema),
  not: isSchema,
  items: isSchema,
  properties: isMapOfSchemas,
  patternProperties: isMapOfSchemas,
};

const TYPES = new Set<unknown>([
  ...["object", "array", "string", "number", "integer", "boolean", "null"],
]);

function isText(rule: unknown): boolean {
  return typeof rule === "string" && rule !== "";
}

function isMapOfSchemas(rule: unknown): boolean {
  return typeof rule === "object" && rule !== null && Object.values(rule).every(isSchema);
}

function isSchema(schema: unknown): boolean {
  if (typeof schema !== "object" || schema === null || Array.isArray(schema)) return false;
  const bad = Object.entries(schema).filter(
    ([keyword, rule]) => KEYWORDS[keyword]?.(rule) !== true,
  );
  expect(bad).toEqual([]);
  return true;
}

describe.each(["provider", "bridge"] as const)("the OpenAPI document of the %s's port", (port) => {
  const document = printed(port);
  const judge: Judge = createJudge(document);
  const operations = operationsOf(document);

  test("is OpenAPI 3.1: who it is, where it is, and components of the kinds and names that there are", () => {
    expect(document.openapi).toBe("3.1.0");
    for (const key of ["title", "summary", "version", "description"]) {
      expect(document.info[key]).toBeString();
    }
    expect(document.info["license"]).toEqual({ name: "MIT", identifier: "MIT" });
    const { host, port: number } = config[port];
    expect(document.servers).toEqual([{ url: `http://${host}:${number}` }]);
    const kinds = ["schemas", "responses", "parameters", "headers", "securitySchemes"];
    expect(Object.keys(document.components).toSorted()).toEqual(kinds.toSorted());
    const names = Object.values(document.components).flatMap(Object.keys);
    expect(names.filter((name) => !/^[A-Za-z0-9._-]+$/.test(name))).toEqual([]);
    for (const header of Object.values(document.components["headers"]!)) {
      expect(isSchema((header as MediaType).schema)).toBe(true);
    }
  });

  test("has references that all lead somewhere, and schemas, responses and headers that are all used", () => {
    const used = new Set<string>();
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      if ("$ref" in node) {
        used.add(String(node.$ref));
        expect(judge.resolve(node)).toBeObject();
      }
      for (const inner of Object.values(node)) walk(inner);
    };
    walk(document);
    const parts = (
      port === "provider" ? ["schemas", "responses", "headers"] : ["schemas", "responses"]
    ).flatMap((kind) =>
      Object.keys(document.components[kind]!).map((name) => `#/components/${kind}/${name}`),
    );
    expect(parts.filter((part) => !used.has(part))).toEqual([]);
  });

  test("has names of operations that are unique, and tags that are explained", () => {
    const ids = operations.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const explained = document.tags.map(({ name }) => name);
    const tags = new Set(operations.flatMap(({ tags }) => tags));
    expect([...tags].toSorted()).toEqual(explained.toSorted());
    for (const { description } of document.tags) expect(description.length).toBeGreaterThan(10);
  });

  test.each(operations.map((one) => [one.name, one] as const))(
    "%s says what it takes and answers, whole and in the right form",
    (_, operation) => {
      expect(operation.summary).not.toBeEmpty();
      const parameters = (operation.parameters ?? []).map(
        (each) => judge.resolve(each) as unknown as Parameter,
      );
      const inPath = parameters.filter((each) => each.in === "path");
      const wanted = Array.from(operation.path.matchAll(/\{(\w+)\}/g), ([, name]) => name!);
      expect(inPath.map(({ name }) => name)).toEqual(wanted);
      for (const parameter of parameters) {
        expect(["path", "header"]).toContain(parameter.in);
        expect(parameter.required === true).toBe(parameter.in === "path");
        expect(parameter.description).toBeString();
        expect(isSchema(parameter.schema)).toBe(true);
      }
      for (const [status, given] of Object.entries(operation.responses)) {
        const answer = judge.resolve(given) as unknown as Answer;
        expect(status).toMatch(/^[2-5]\d\d$/);
        expect(answer.description).not.toBeEmpty();
        expect(answer.headers).toHaveProperty("x-request-id");
        expect(Object.keys(answer.content ?? {})).not.toBeEmpty();
        for (const [type, media] of Object.entries(answer.content ?? {})) {
          expect(type).toMatch(/^[a-z]+\/[a-z-]+$/);
          expect(isSchema(media.schema)).toBe(true);
          expect(media["x-item-schema"] === undefined || isSchema(media["x-item-schema"])).toBe(
            true,
          );
        }
      }
      const media = operation.requestBody?.content["application/json"];
      const takesBody = operation.method === "POST" && "200" in operation.responses;
      if (takesBody) expect(Object.keys(media?.examples ?? {})).not.toBeEmpty();
    },
  );

  test("has examples that fit their schemas", () => {
    let count = 0;
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      if ("schema" in node && "examples" in node && !Array.isArray(node.examples)) {
        for (const { value } of Object.values(
          node.examples as NonNullable<MediaType["examples"]>,
        )) {
          count += 1;
          expect(judge.problems(node.schema, value)).toEqual([]);
        }
      }
      for (const inner of Object.values(node)) walk(inner);
    };
    walk(document);
    expect(count).toBeGreaterThan(20);
  });

  test("has schemas whose own examples fit", () => {
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null || Array.isArray(node)) return;
      if ("examples" in node && Array.isArray(node.examples)) {
        for (const example of node.examples) expect(judge.problems(node, example)).toEqual([]);
      }
      for (const inner of Object.values(node)) walk(inner);
    };
    for (const schema of Object.values(document.components["schemas"]!)) {
      expect(isSchema(schema)).toBe(true);
      walk(schema);
    }
  });

  test("has only security schemes that are explained, and a key for all but the public routes", () => {
    const schemes = document.components["securitySchemes"]!;
    for (const { security, name } of operations) {
      for (const one of security) expect(schemes).toContainKeys(Object.keys(one));
      const isPublic = ["GET /", "GET /health", "GET /livez", "GET /readyz"].includes(name);
      expect([name, security.length === 0]).toEqual([name, isPublic]);
    }
  });
});

describe("the documents", () => {
  let server: Server;
  beforeAll(async () => {
    server = await startServer();
  });
  afterAll(() => server.stop());

  const addressless = ({ servers: _servers, ...rest }: OpenApi): unknown =>
    JSON.parse(JSON.stringify(rest).replaceAll(/http:\/\/127\.0\.0\.1:\d+/g, ""));

  test("are the same with a server behind them and without, but for the address", async () => {
    const { MLP_API_KEY: key, MLP_CONTROL_TOKEN: token } = SECRETS;
    const provider = await readDocument<OpenApi>(server.api, "/openapi.json", key);
    expect(provider.servers).toEqual([{ url: "/" }]);
    expect(withoutServers(addressless(provider))).toEqual(
      withoutServers(addressless(printed("provider"))),
    );
    const bridge = await readDocument<OpenApi>(server.bridge, "/openapi.json", token);
    expect(addressless(bridge)).toEqual(addressless(printed("bridge")));
    const link = await readDocument<object>(server.api, "/asyncapi.json", key);
    const ofBridge = await readDocument<object>(server.bridge, "/asyncapi.json", token);
    expect(withoutServers(ofBridge)).toEqual(withoutServers(link));
    expect(JSON.stringify(ofBridge)).toContain(`"default":"${new URL(server.bridge).port}"`);
  });

  /** Relative addresses of operations have a slash where absolute ones have nothing. */
  function withoutServers(document: unknown): unknown {
    return JSON.parse(
      JSON.stringify(document, (key, value: unknown) => (key === "servers" ? undefined : value)),
    );
  }

  test("of the bridge's port are for the control token only", async () => {
    for (const path of ["/openapi.json", "/asyncapi.json"]) {
      const statuses = [
        SECRETS.MLP_API_KEY,
        SECRETS.MLP_AGENT_TOKEN,
        SECRETS.MLP_CONTROL_TOKEN,
      ].map(async (secret) => {
        const headers = { authorization: `Bearer ${secret}` };
        return (await fetch(`${server.bridge}${path}`, { headers })).status;
      });
      expect(await Promise.all(statuses)).toEqual([403, 403, 200]);
    }
  });
});

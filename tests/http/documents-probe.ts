// Requests made of a document's operations, sent to the server that serves it; every answer is held to the document.

import { expect } from "bun:test";
import fc from "fast-check";

import { createNdjsonDecoder } from "../../src/wire/ndjson.ts";
import { createSseDecoder } from "../../src/wire/sse.ts";
import { createJudge } from "../support/json-schema.ts";
import type { Judge } from "../support/json-schema.ts";
import { valuesOf } from "../support/json-values.ts";
import { operationsOf, readDocument, SECRETS } from "./documents-support.ts";
import type { Answer, MediaType, OpenApi, Operation, Parameter } from "./documents-support.ts";

export type Prepared = readonly [url: string, request: RequestInit];

export interface Probe {
  readonly judge: Judge;
  /** Those that end sessions come last: without one, no answer is good. */
  readonly operations: readonly Operation[];
  /** The statuses that came, by operation. */
  readonly seen: ReadonlyMap<string, ReadonlySet<number>>;
  secretFor(operation: Operation): string | undefined;
  /** A request as the document wants it; `seed` makes what is in its path and headers. */
  good(operation: Operation, body: unknown, seed?: number): Prepared;
  /** Fails the test if the answer is one that the document does not foresee. */
  send(operation: Operation, prepared: Prepared, change?: RequestInit): Promise<Response>;
  /** By its name, as in `GET /v1/models`. */
  find(name: string): Operation;
  /** The answer, which has to be good, of an operation without parameters; its body is the last example. */
  ask<T>(name: string): Promise<T>;
  /** The status of an operation on the thing of this id. */
  status(name: string, body: object, id: string): Promise<number>;
}

export async function createProbe(base: string, secret: string): Promise<Probe> {
  const document = await readDocument<OpenApi>(base, "/openapi.json", secret);
  const judge = createJudge(document);
  const isEnd = ({ path }: Operation) => /revoke|suspend|deny/.test(path);
  const operations = operationsOf(document).toSorted((a, b) => Number(isEnd(a)) - Number(isEnd(b)));
  const seen = new Map<string, Set<number>>();

  /** The secret that the document says it takes. */
  function secretFor({ security }: Operation): string | undefined {
    const [scheme] = security.flatMap(Object.keys);
    if (scheme === undefined) return undefined;
    return scheme === "controlToken" ? SECRETS.MLP_CONTROL_TOKEN : SECRETS.MLP_API_KEY;
  }

  function good(operation: Operation, body: unknown, seed = 0): Prepared {
    const headers: Record<string, string> = {};
    const secret = secretFor(operation);
    if (secret !== undefined) headers["authorization"] = `Bearer ${secret}`;
    if (operation.requestBody !== undefined) headers["content-type"] = "application/json";
    let { path } = operation;
    for (const given of operation.parameters ?? []) {
      const { name, in: place, schema } = judge.resolve(given) as unknown as Parameter;
      const value = encodeURIComponent(
        String(fc.sample(valuesOf(schema, judge), { seed, numRuns: 1 })[0]),
      );
      if (place === "path") path = path.replace(`{${name}}`, value);
      else if (seed % 3 === 1 && name !== "x-mcp-session")
        headers[name] = `${value}${seed}`.slice(0, 99);
      else if (seed % 7 === 2) headers[name] = value.slice(0, 99);
    }
    const content = operation.requestBody === undefined ? {} : { body: JSON.stringify(body) };
    return [`${base}${path}`, { method: operation.method, headers, ...content }];
  }

  async function send(
    operation: Operation,
    [url, request]: Prepared,
    change: RequestInit = {},
  ): Promise<Response> {
    const headers = new Headers({ ...(request.headers as object), ...(change.headers as object) });
    const response = await fetch(url, { ...request, ...change, headers });
    await check(operation, response, `${operation.name} ${JSON.stringify(request.body)}`);
    return response;
  }

  /** Whether the document foresees this answer. */
  async function check(operation: Operation, response: Response, what: string): Promise<void> {
    const { status } = response;
    seen.set(operation.name, (seen.get(operation.name) ?? new Set()).add(status));
    expect([what, status, status in operation.responses && status !== 500]).toEqual([
      what,
      status,
      true,
    ]);
    const answer = judge.resolve(operation.responses[String(status)]) as unknown as Answer;
    const [type = ""] = (response.headers.get("content-type") ?? "").split(";");
    const media = answer.content?.[type];
    expect([what, status, type, media === undefined]).toEqual([what, status, type, false]);
    const text = await response.clone().text();
    const values = valuesIn(text, type);
    for (const value of values) {
      const schema = media?.["x-item-schema"] ?? (media as MediaType).schema;
      expect([what, judge.problems(schema, value)]).toEqual([what, []]);
    }
    expect([what, response.headers.get("x-request-id")]).toEqual([what, expect.any(String)]);
    const described = Object.keys(answer.headers ?? {});
    const ours = [...response.headers.keys()].filter((name) => !PLAIN.has(name));
    expect([what, ours.filter((name) => !described.includes(name))]).toEqual([what, []]);
  }

  function find(name: string): Operation {
    const found = operations.find((each) => each.name === name);
    if (found === undefined) throw new Error(`no operation ${name}`);
    return found;
  }

  async function ask<T>(name: string): Promise<T> {
    const operation = find(name);
    const examples = operation.requestBody?.content["application/json"]?.examples ?? {};
    const body = Object.values(examples).at(-1)?.value;
    const answer = await send(operation, good(operation, body));
    expect([name, answer.status]).toEqual([name, 200]);
    return (await answer.json()) as T;
  }

  async function status(name: string, body: object, id: string): Promise<number> {
    const operation = find(name);
    const path = operation.path.replace(/\{\w+\}/, id);
    const parameters: readonly object[] = [];
    return (await send(operation, good({ ...operation, path, parameters }, body))).status;
  }

  return { judge, operations, seen, secretFor, good, send, find, ask, status };
}

/** What every answer may have, and no document describes. */
const PLAIN = new Set([
  ...["content-type", "content-length", "date", "cache-control", "vary", "x-content-type-options"],
  ...["connection", "transfer-encoding"],
]);

/** What a body holds: its JSON, or that of each event or line. */
function valuesIn(text: string, type: string): readonly unknown[] {
  if (type === "application/json") return [JSON.parse(text)];
  if (type === "application/x-ndjson") {
    const decoder = createNdjsonDecoder();
    return [...decoder.push(text), ...decoder.end()].map((line) => JSON.parse(line) as unknown);
  }
  if (type === "text/event-stream") {
    const decoder = createSseDecoder();
    const events = [...decoder.push(text), ...decoder.end()].map(({ data }) => data);
    expect(events.indexOf("[DONE]")).toBeOneOf([-1, events.length - 1]);
    return events.filter((data) => data !== "[DONE]").map((data) => JSON.parse(data) as unknown);
  }
  return [text];
}

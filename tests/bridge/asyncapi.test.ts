// The AsyncAPI document is true: its frames are taken by the decoder in the directions that it states, spoilt ones are
// not, and it is in the form of AsyncAPI 3.0.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";

import { asyncApiDocument } from "../../src/bridge/asyncapi.ts";
import { createDecoder, isViolation, type Party } from "../../src/bridge/decode.ts";
import { CLOSE } from "../../src/bridge/effect.ts";
import { FRAMES } from "../../src/bridge/frame.ts";
import { DEFAULT_TIMES } from "../../src/bridge/liveness.ts";
import { linkLimits } from "../../src/bridge/settings.ts";
import { createJudge } from "../support/json-schema.ts";
import { spoiltValuesOf, valuesOf } from "../support/json-values.ts";

interface Ref {
  readonly $ref: string;
}
interface Operation {
  readonly action: "send" | "receive";
  readonly channel: Ref;
  readonly summary: string;
  readonly messages: readonly Ref[];
  readonly security: readonly Ref[];
  readonly reply?: { readonly channel: Ref; readonly messages: readonly Ref[] };
}
interface Message {
  readonly name: string;
  readonly summary: string;
  readonly payload: object;
  readonly examples: readonly { readonly payload: { readonly type: string } }[];
}
interface AsyncApi {
  readonly asyncapi: string;
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly servers: Record<string, { security: readonly Ref[]; variables: object; host: string }>;
  readonly channels: Record<string, { address: string; messages: Record<string, Ref> }>;
  readonly operations: Record<string, Operation>;
  readonly components: { readonly messages: Record<string, Message>; securitySchemes: object };
  readonly "x-close-codes": Record<string, string>;
}

const document = JSON.parse(
  JSON.stringify(
    asyncApiDocument({
      version: "1.2.3",
      host: "127.0.0.1",
      port: 8787,
      limits: linkLimits(),
      times: DEFAULT_TIMES,
    }),
  ),
) as AsyncApi;

const judge = createJudge(document);
const decoder = createDecoder();
const messages = Object.entries(document.components.messages);
const lastOf = (ref: Ref) => ref.$ref.split("/").at(-1)!;

const DIRECTIONS: readonly (readonly [Party, Party])[] = [
  ["agent", "hub"],
  ["hub", "agent"],
  ["provider", "hub"],
  ["hub", "provider"],
];

/** What the document lets one end say to the other. */
function sayable(from: Party, to: Party): readonly string[] {
  const peer = from === "hub" ? to : from;
  const said = Object.values(document.operations)
    .filter(({ channel }) => lastOf(channel) === `${peer}Link`)
    .flatMap(({ action, messages, reply }) => {
      const isSpeaker = (action === "send") === (from === "hub");
      return (isSpeaker ? messages : (reply?.messages ?? [])).map(lastOf);
    });
  return [...new Set(said)].toSorted();
}

function isTaken(frame: unknown, from: Party, to: Party): boolean {
  return !isViolation(decoder.decode(JSON.stringify(frame), from, to));
}

describe("the AsyncAPI document", () => {
  test("is AsyncAPI 3.0 with everything that the form requires", () => {
    expect(document.asyncapi).toBe("3.0.0");
    expect(document.info.title).not.toBeEmpty();
    expect(document.info.version).toBe("1.2.3");
    expect(document.info.description).toContain("`mlp.v1`");
    for (const channel of Object.values(document.channels)) {
      expect(channel.address).toBe("/");
      expect(Object.keys(channel.messages)).not.toBeEmpty();
    }
    for (const operation of Object.values(document.operations)) {
      expect(["send", "receive"]).toContain(operation.action);
      expect(operation.summary).not.toBeEmpty();
      expect(operation.security).toHaveLength(1);
    }
    const names = Object.keys(document.servers["bridge"]!.variables);
    expect(document.servers["bridge"]!.host).toBe(names.map((name) => `{${name}}`).join(":"));
  });

  test("has references that all lead somewhere, and messages of an operation that are of its channel", () => {
    const walk = (node: unknown): void => {
      if (typeof node !== "object" || node === null) return;
      if ("$ref" in node) expect(judge.resolve(node)).toBeObject();
      for (const inner of Object.values(node)) walk(inner);
    };
    walk(document);
    for (const { channel, messages, reply } of Object.values(document.operations)) {
      for (const ref of [...messages, ...(reply?.messages ?? [])]) {
        expect(ref.$ref).toStartWith(`${channel.$ref}/messages/`);
      }
    }
  });

  test("has every frame, with a summary and an example that fits its own schema", () => {
    expect(messages.map(([name]) => name).toSorted()).toEqual(Object.keys(FRAMES).toSorted());
    for (const [name, { summary, payload, examples }] of messages) {
      expect(summary).not.toBeEmpty();
      expect(examples).not.toBeEmpty();
      for (const example of examples) {
        expect(example.payload.type).toBe(name);
        expect(judge.problems(payload, example.payload)).toEqual([]);
      }
    }
  });

  test("has every close code, in the table for people too", () => {
    const codes = Object.values(CLOSE).map(String);
    expect(Object.keys(document["x-close-codes"]).toSorted()).toEqual(codes.toSorted());
    for (const code of codes) expect(document.info.description).toContain(`| ${code} | `);
  });

  test.each(DIRECTIONS)("says what %s may tell %s, and the decoder agrees", (from, to) => {
    const examples = messages.map(([, { examples }]) => examples[0]!.payload);
    const taken = examples.filter((frame) => isTaken(frame, from, to)).map(({ type }) => type);
    expect(sayable(from, to)).toEqual(taken.toSorted());
    expect(sayable(from, to).length).toBeGreaterThan(4);
  });

  test.each(messages)(
    "%s: frames of its schema are taken, spoilt ones are not",
    (name, { payload }) => {
      const [from, to] = DIRECTIONS.find(([from, to]) => sayable(from, to).includes(name))!;
      fc.assert(
        fc.property(valuesOf(payload, judge), (frame) => {
          expect(isTaken(frame, from, to)).toBe(true);
        }),
        { seed: 3, numRuns: 100 },
      );
      fc.assert(
        fc.property(spoiltValuesOf(payload, judge), (frame) => {
          expect(isTaken(frame, from, to)).toBe(false);
        }),
        { seed: 3, numRuns: 100 },
      );
    },
  );
});

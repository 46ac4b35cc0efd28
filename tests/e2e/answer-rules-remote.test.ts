// The same rules over the bridge link, in the compiled binary: bridge, agent and provider are three processes, and the
// agent has a script.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import OpenAI from "openai";
import { createSuite } from "../support/mlp.ts";
import { startTrio } from "../support/topologies.ts";
import type { Trio } from "../support/topologies.ts";

const suite = createSuite();
let trio: Trio;
let client: OpenAI;

const SCRIPT = `
answers:
  - match: talk for ever
    steps:
      - say: "And one. And two. STOP "
      - say: "never seen "
      - hang: true
  - match: mean it
    steps:
      - say: '{"city": 7}'
  - steps:
      - reasoning: Let me see.
      - say: 'Gladly! {"town": "Ulm"}'
  - steps:
      - say: "\`\`\`json\\n{\\"city\\": \\"Ulm\\"}\\n\`\`\`"
`;

const response_format = {
  type: "json_schema" as const,
  json_schema: {
    name: "place",
    schema: {
      type: "object",
      properties: { city: { type: "string", pattern: "^\\p{Lu}" } },
      required: ["city"],
      additionalProperties: false,
    },
  },
};

beforeAll(async () => {
  trio = await startTrio(suite, { script: SCRIPT });
  const { api, secrets } = trio.serve;
  client = new OpenAI({ baseURL: `${api}/v1`, apiKey: secrets.apiKey });
});
afterAll(() => suite.close());

const ask = (content: string) => ({
  model: "rehearsal",
  messages: [{ role: "user" as const, content }],
});

describe("an agent on the other side of a bridge", () => {
  test("is asked once more for JSON that fits", async () => {
    const answer = await client.chat.completions.create({ ...ask("Where?"), response_format });
    expect(answer.choices[0]?.message.content).toBe('{"city": "Ulm"}');
  });

  test("is a failure when it never fits", async () => {
    const failure = await client.chat.completions
      .create({
        ...ask("Where? I mean it."),
        response_format: { type: "json_schema", json_schema: { name: "x", schema: { not: {} } } },
      })
      .then(() => undefined)
      .catch((error: unknown) => error);
    expect(failure).toMatchObject({ status: 502, code: "agent_error" });
  });

  test("is stopped at a stop sequence, and told so", async () => {
    const since = trio.agent.log.lines.length;
    const answer = await client.chat.completions.create({ ...ask("talk for ever"), stop: "STOP" });
    expect(answer.choices[0]).toMatchObject({
      message: { content: "And one. And two. " },
      finish_reason: "stop",
    });
    const line = await trio.agent.log.until(({ msg }) => msg === "rehearsal turn cancelled", {
      what: "the agent's hearing of the stop",
      since,
    });
    expect(line.msg).toBe("rehearsal turn cancelled");
  });
});

// The names of models over HTTP, in both dialects that list them: what is offered can be asked for, by the same words.

import { expect, test } from "bun:test";
import { Ollama } from "ollama";
import OpenAI from "openai";
import { anAgent, compose, SECRETS, says } from "../support/composed.ts";
import type { Composed } from "../support/composed.ts";

const LISTED = ["cursor-agent", "cursor-agent-as-gpt-4.1", "cursor-agent-as-claude", "counter"];
const ACCEPTED = [
  ...["cursor-agent:latest", "cursor-agent-local", "CURSOR-AGENT-LOCAL:latest"],
  ...["cursor-agent-as-gpt-4.1:latest", "Cursor-Agent-As-Claude"],
];

const openai = (place: Composed) =>
  new OpenAI({ baseURL: `${place.api}/v1`, apiKey: SECRETS.MLP_API_KEY, maxRetries: 0 });
const ollama = (place: Composed) =>
  new Ollama({ host: place.api, headers: { authorization: `Bearer ${SECRETS.MLP_API_KEY}` } });

let count = 0;
function messages() {
  count += 1;
  return [{ role: "user" as const, content: `question ${count}` }];
}

test("both lists have the same names, and no second of any", async () => {
  await using place = await compose([anAgent(() => says("ok"))], {
    MLP_MODEL_ALIASES: "counter-as-claude=counter",
  });
  const names = [...LISTED, "counter-as-claude"];
  expect((await openai(place).models.list()).data.map(({ id }) => id)).toEqual(names);
  expect((await ollama(place).list()).models.map(({ name }) => name)).toEqual(names);
});

test("each name is answered under the name that was asked for, by the agent's own model", async () => {
  const agent = anAgent(() => says("ok"));
  await using place = await compose([agent]);
  for (const model of [...LISTED, ...ACCEPTED]) {
    const answer = await openai(place).chat.completions.create({ model, messages: messages() });
    expect([answer.model, answer.choices[0]?.message.content]).toEqual([model, "ok"]);
    const other = await ollama(place).chat({ model, messages: messages() });
    expect([other.model, other.message.content]).toEqual([model, "ok"]);
    expect((await openai(place).models.retrieve(model)).id).toBe(model);
    const shown = await ollama(place).show({ model });
    expect(shown.capabilities).toEqual(["completion", "tools", "embedding"]);
  }
  expect(
    new Set(agent.turns.map(({ request }) => ("model" in request ? request.model : ""))),
  ).toEqual(new Set(["counter"]));
});

test("a name that nobody knows is not guessed at", async () => {
  await using place = await compose([anAgent(() => says("ok"))]);
  for (const model of ["cursor-agent-as-gemini", "cursor", "gpt-4.1", "claude"]) {
    const refused: unknown = await openai(place)
      .chat.completions.create({ model, messages: messages() })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ status: 404, code: "model_not_found" });
    await expect(ollama(place).chat({ model, messages: messages() })).rejects.toMatchObject({
      status_code: 404,
    });
  }
});

// OpenAI: GET /v1/models, and of one.

import { ErrorAnswer, Model, ModelList } from "./chat-shape.ts";
import { fits, must, same, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import { check } from "./asking.ts";

const models = check("models");

export const MODELS: readonly Check[] = [
  models(
    "lists and descriptions",
    "a list, each with its id, time and owner, none twice",
    async (server) => {
      const { data } = fits(ModelList, (await server.send("/v1/models")).json);
      same("the number of different ids", new Set(data.map(({ id }) => id)).size, data.length);
    },
  ),
  models("lists and descriptions", "each can be asked for by its id", async (server) => {
    const { data } = fits(ModelList, (await server.send("/v1/models")).json);
    for (const { id } of data.slice(0, 20)) {
      const answer = await server.send(`/v1/models/${encodeURIComponent(id)}`);
      must(answer.status === 200, `${id} answers ${answer.status}: ${shorten(answer.text)}`);
      same("the id", fits(Model, answer.json).id, id);
    }
  }),
  models("spellings of a name", "with `:latest`, and in any case", async (server) => {
    for (const name of [`${server.model}:latest`, server.model.toUpperCase()]) {
      const answer = await server.send(`/v1/models/${encodeURIComponent(name)}`);
      must(answer.status === 200, `${name} answers ${answer.status}: ${shorten(answer.text)}`);
      fits(Model, answer.json);
    }
  }),
  models("no such model", "a 404 that is about the model", async (server) => {
    const answer = await server.send("/v1/models/no-such-model");
    same("the status", answer.status, 404);
    same("the field", fits(ErrorAnswer, answer.json).error.param, "model");
  }),
];

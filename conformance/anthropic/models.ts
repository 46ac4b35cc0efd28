// Anthropic: GET /v1/models a page at a time, and of one.

import { anthropic } from "./asking.ts";
import { ErrorAnswer, ModelInfo, ModelInfoList } from "./shape.ts";
import { fits, must, same, shorten, skip } from "../check.ts";
import type { Check } from "../check.ts";
import type { Answer, Server } from "../server.ts";

/** Of a server without this dialect the same path is OpenAI's. */
async function ask(server: Server, query = ""): Promise<Answer> {
  const headers = { "anthropic-version": "2023-06-01" };
  const answer = await server.send(`/v1/models${query}`, { headers });
  if (Object(answer.json).object === "list") skip("it lists models in OpenAI's form only");
  return answer;
}

async function list(server: Server, query = "") {
  const answer = await ask(server, query);
  must(answer.status === 200, `${query} answers ${answer.status}: ${shorten(answer.text)}`);
  const found = fits(ModelInfoList, answer.json);
  same("the first id", found.first_id, found.data[0]?.id ?? null);
  same("the last id", found.last_id, found.data.at(-1)?.id ?? null);
  return found;
}

export const ANTHROPIC_MODELS: readonly Check[] = [
  anthropic("lists and descriptions", "each model can be asked for by its id", async (server) => {
    const { data } = await list(server);
    for (const { id } of data.slice(0, 20)) {
      const answer = await ask(server, `/${encodeURIComponent(id)}`);
      same("the id", fits(ModelInfo, answer.json).id, id);
    }
  }),
  anthropic(
    "lists and descriptions",
    "pages in either direction have every model once, in their order",
    async (server) => {
      const all = (await list(server, "?limit=1000")).data.map(({ id }) => id);
      const size = Math.max(1, Math.ceil(all.length / 3));
      for (const [name, start] of [
        ["after_id", all[0]],
        ["before_id", all.at(-1)],
      ] as const) {
        const read: string[][] = [];
        let next = start;
        for (let more = next !== undefined; more && read.length <= all.length;) {
          const page = await list(
            server,
            `?limit=${size}&${name}=${encodeURIComponent(next ?? "")}`,
          );
          must(page.data.length <= size, "a page is longer than its limit");
          read.push(page.data.map(({ id }) => id));
          next = (name === "after_id" ? page.last_id : page.first_id) ?? undefined;
          more = page.has_more;
        }
        const ids =
          name === "after_id"
            ? [all[0], ...read.flat()]
            : [...read.toReversed().flat(), all.at(-1)];
        same(`the ids by ${name}`, ids, all);
      }
    },
  ),
  anthropic("lists and descriptions", "a limit out of its range is a 400", async (server) => {
    for (const limit of ["0", "1001", "many"]) {
      const answer = await ask(server, `?limit=${limit}`);
      same(`the status of ${limit}`, answer.status, 400);
      same("the type", fits(ErrorAnswer, answer.json).error.type, "invalid_request_error");
    }
  }),
];

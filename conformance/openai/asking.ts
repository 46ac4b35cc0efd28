// OpenAI: what the smaller routes have in common.

import { must, shorten } from "../check.ts";
import type { Check, Column, Feature } from "../check.ts";
import type { Answer, Server } from "../server.ts";

export const check =
  (column: Column) =>
  (feature: Feature, title: string, run: Check["run"]): Check => ({ column, feature, title, run });

export async function post(server: Server, path: string, body: object): Promise<Answer> {
  const answer = await server.send(path, { body: { model: server.model, ...body } });
  must(answer.status === 200, `it answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

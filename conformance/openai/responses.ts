// OpenAI: what POST /v1/responses answers, and keeps.

import { ErrorAnswer } from "./chat-shape.ts";
import { fits, must, same, skip } from "../check.ts";
import type { Check } from "../check.ts";
import * as prompt from "../prompts.ts";
import { FailedResponse, Response, readResponse } from "./responses-shape.ts";
import { parsed } from "../server.ts";
import {
  PATH,
  TOOLS,
  responses,
  ask,
  whole,
  stream,
  textOf,
  reasoningOf,
  callsOf,
  spoken,
  accepted,
  user,
} from "./responses-asking.ts";

export const RESPONSES: readonly Check[] = [
  responses(
    "whole answers",
    "has every required field, and the text that was said",
    async (server) => {
      const answer = await whole(server, prompt.say(prompt.SPOKEN));
      spoken(server, textOf(answer));
      same("the status", answer.status, "completed");
      same("the model", answer.model, server.model);
    },
  ),
  responses(
    "streamed answers",
    "every event as specified, in the published order, numbered",
    async (server) => {
      const { text, final } = await stream(server, prompt.say(prompt.SPOKEN));
      spoken(server, text);
      same("the status", final.status, "completed");
    },
  ),
  responses("usage", "whole, and in the last event", async (server) => {
    const { usage } = await whole(server, prompt.count(11, 7));
    const { final } = await stream(server, prompt.count(11, 7));
    for (const each of [usage, final.usage]) {
      same("the total", each.total_tokens, each.input_tokens + each.output_tokens);
      if (server.rehearses) same("the counts", [each.input_tokens, each.output_tokens], [11, 7]);
    }
  }),
  {
    ...responses("reasoning", "an item of its own, whole and streamed", async (server) => {
      const more = { reasoning: { effort: "low", summary: "auto" } };
      same("the reasoning", reasoningOf(await whole(server, prompt.think(), more)), prompt.THOUGHT);
      const { reasoning, text } = await stream(server, prompt.think(), more);
      same("the streamed reasoning", reasoning, prompt.THOUGHT);
      spoken(server, text);
    }),
    ours: true,
  },
  responses(
    "tool calls",
    "items with an id, a name and JSON, whole and streamed",
    async (server) => {
      const cities = [prompt.CITY, "Rome"];
      const answers = [
        await whole(server, prompt.callTool(...cities), { tools: TOOLS }),
        (await stream(server, prompt.callTool(...cities), { tools: TOOLS })).final,
      ];
      for (const calls of answers.map(callsOf)) {
        if (calls.length === 0 && !server.rehearses) skip("the model called no tool");
        same("the number of ids", new Set(calls.map((call) => call.call_id)).size, calls.length);
        const given = calls.map((call) => parsed(call.arguments));
        if (server.rehearses)
          same(
            "the arguments",
            given,
            cities.map((city) => ({ city })),
          );
      }
    },
  ),
  responses(
    "tool results",
    "go back with the whole conversation, as text or parts",
    async (server) => {
      const question = user(prompt.callTool(prompt.CITY));
      const { output } = await whole(server, [question], { tools: TOOLS });
      const call = output.find((item) => item.type === "function_call");
      if (call === undefined) skip("the model called no tool");
      for (const result of [prompt.WEATHER, [{ type: "input_text", text: prompt.WEATHER }]]) {
        const item = { type: "function_call_output", call_id: call.call_id, output: result };
        const next = await whole(server, [question, ...output, item], { tools: TOOLS });
        if (server.rehearses) same("the answer", textOf(next), prompt.WEATHER);
      }
    },
  ),
  responses("answers in JSON", "json_object and json_schema answer with JSON", async (server) => {
    const schema = { type: "json_schema", name: "place", schema: prompt.SCHEMA, strict: true };
    for (const format of [{ type: "json_object" }, schema]) {
      const answer = await whole(server, prompt.say(prompt.JSON_TEXT), { text: { format } });
      must(typeof parsed(textOf(answer)) === "object", "the answer is no JSON object");
    }
    await accepted({ text: { format: { type: "text" }, verbosity: "low" } })(server);
  }),
  responses(
    "kept responses",
    "previous_response_id goes on from one, `store: false` keeps none",
    async (server) => {
      const question = prompt.callTool(prompt.CITY);
      const first = await whole(server, question, { tools: TOOLS });
      const [call] = callsOf(first);
      if (call === undefined) skip("the model called no tool");
      const result = {
        type: "function_call_output",
        call_id: call.call_id,
        output: prompt.WEATHER,
      };
      const second = await whole(server, [result], {
        previous_response_id: first.id,
        tools: TOOLS,
      });
      if (server.rehearses) same("the answer", textOf(second), prompt.WEATHER);
      const unkept = await whole(server, question, { tools: TOOLS, store: false });
      const body = { model: server.model, input: "More.", previous_response_id: unkept.id };
      const refused = await server.send(PATH, { body });
      must([400, 404].includes(refused.status), `it answers ${refused.status}`);
      same("the field", fits(ErrorAnswer, refused.json).error.param, "previous_response_id");
    },
  ),
  responses("kept responses", "can be read and deleted", async (server) => {
    const made = await whole(server, prompt.say(prompt.SPOKEN));
    const { id } = made;
    const read = await server.send(`${PATH}/${id}`);
    same("the text", textOf(fits(Response, read.json)), textOf(made));
    const deleted = await server.send(`${PATH}/${id}`, { method: "DELETE" });
    same("the status of DELETE", deleted.status, 200);
    const gone = await server.send(`${PATH}/${id}`);
    same("the status afterwards", gone.status, 404);
    fits(ErrorAnswer, gone.json);
  }),
  {
    ...responses("failures in a stream", "response.failed is the last event", async (server) => {
      const answer = await ask(server, prompt.failHalfway(), { stream: true });
      const { text, final } = readResponse(answer.text, "failed");
      same("what was said before", text, "half ");
      const { error } = fits(FailedResponse, final);
      must(error.message.includes("It fell over."), "the message does not say what happened");
    }),
    ours: true,
  },
];

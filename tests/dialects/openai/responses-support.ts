// `/v1/responses` as the server uses it: the compiled schema in front of the decoder, and a fixed past.

import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { ResponseObject } from "../../../src/dialects/openai/responses-answer-schema.ts";
import { decodeResponse } from "../../../src/dialects/openai/responses-decode.ts";
import type {
  DecodedResponse,
  KeptResponse,
  KeptResponses,
} from "../../../src/dialects/openai/responses-decode.ts";
import { encodeResponse } from "../../../src/dialects/openai/responses-encode.ts";
import { ResponseRequest } from "../../../src/dialects/openai/responses-schema.ts";

const check = TypeCompiler.Compile(ResponseRequest);

export const acceptsResponse = (body: unknown): boolean => check.Check(body);

/** Fails the test when the schema refuses the body: what the decoder refuses is thrown as `AppError`. */
export function openResponse(body: unknown, kept: KeptResponses = PAST): DecodedResponse {
  if (!check.Check(body)) throw new Error(JSON.stringify(check.Errors(body).First()));
  return decodeResponse(body, kept);
}

export const NO_PAST: KeptResponses = { response: () => undefined, item: () => undefined };

/** One answer was given before: `resp_past`, in which `read_file` was called. */
const PAST: KeptResponses = keptOf(answerOfThePast());

export function keptOf(...answers: readonly KeptResponse[]): KeptResponses {
  return {
    response: (id) => answers.find((each) => each.response.id === id),
    item: (id) => answers.flatMap((each) => each.response.output).find((item) => item.id === id),
  };
}

function answerOfThePast(): KeptResponse {
  const body = {
    model: "cursor-agent",
    input: "What is in README.md?",
    instructions: "Of that request only.",
  };
  const decoded = openResponse(body, NO_PAST);
  const response: ResponseObject = encodeResponse(
    {
      text: "I look.",
      reasoning: "A file.",
      toolCalls: [{ id: "call_1", name: "read_file", arguments: '{"path":"README.md"}' }],
      vectors: [],
      finish: { type: "finish", reason: "tool_calls" },
    },
    { id: "req_past", model: body.model, created: 0 },
    decoded,
  );
  return { response, input: decoded.input };
}

// The dialect as the server uses it: compiled schemas in front of the decoders.

import type { TSchema } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import {
  decodeCountTokens,
  decodeMessagesRequest,
} from "../../../src/dialects/anthropic/decode.ts";
import type { DecodedMessages } from "../../../src/dialects/anthropic/decode.ts";
import { CountTokensRequest, MessagesRequest } from "../../../src/dialects/anthropic/schema.ts";
import type { ChatRequest } from "../../../src/core/turn.ts";

const messagesCheck = TypeCompiler.Compile(MessagesRequest);
const countCheck = TypeCompiler.Compile(CountTokensRequest);

export const acceptsMessages = (body: unknown): boolean => messagesCheck.Check(body);
export const acceptsCount = (body: unknown): boolean => countCheck.Check(body);

/** Fails the test when the schema refuses the body: what the decoder refuses is thrown as `AppError`. */
export function openMessages(body: unknown): DecodedMessages {
  if (!messagesCheck.Check(body)) {
    throw new Error(JSON.stringify(messagesCheck.Errors(body).First()));
  }
  return decodeMessagesRequest(body);
}

export function openCount(body: unknown): ChatRequest {
  if (!countCheck.Check(body)) throw new Error("the schema refuses what is to be counted");
  return decodeCountTokens(body);
}

/** Throws, naming the first fault, unless `value` is exactly of `schema`. */
export function createShapeCheck(schema: TSchema): (value: unknown) => void {
  const check = TypeCompiler.Compile(schema);
  return (value) => {
    const fault = check.Errors(value).First();
    if (fault) throw new Error(`${fault.path}: ${fault.message}`);
  };
}

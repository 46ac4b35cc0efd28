// The dialect as the server uses it: compiled schemas in front of the decoders.

import { TypeCompiler } from "@sinclair/typebox/compiler";
import { decodeChat, decodeEmbeddings } from "../../../src/dialects/openai/decode.ts";
import type { DecodedChat, DecodedEmbeddings } from "../../../src/dialects/openai/decode.ts";
import { ChatCompletionRequest, EmbeddingsRequest } from "../../../src/dialects/openai/schema.ts";
import type { TSchema } from "@sinclair/typebox";

const chatCheck = TypeCompiler.Compile(ChatCompletionRequest);
const embeddingsCheck = TypeCompiler.Compile(EmbeddingsRequest);

export const acceptsChat = (body: unknown): boolean => chatCheck.Check(body);
export const acceptsEmbeddings = (body: unknown): boolean => embeddingsCheck.Check(body);

/** Fails the test when the schema refuses the body: what the decoder refuses is thrown as `AppError`. */
export function openChat(body: unknown): DecodedChat {
  if (!chatCheck.Check(body)) throw new Error(JSON.stringify(chatCheck.Errors(body).First()));
  return decodeChat(body);
}

export function openEmbeddings(body: unknown): DecodedEmbeddings {
  if (!embeddingsCheck.Check(body)) throw new Error("the schema refuses these embeddings");
  return decodeEmbeddings(body);
}

/** Throws, naming the first fault, unless `value` is exactly of `schema`. */
export function createShapeCheck(schema: TSchema): (value: unknown) => void {
  const check = TypeCompiler.Compile(schema);
  return (value) => {
    const fault = check.Errors(value).First();
    if (fault) throw new Error(`${fault.path}: ${fault.message}`);
  };
}

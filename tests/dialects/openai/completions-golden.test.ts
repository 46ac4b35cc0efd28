import { join } from "node:path";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Static, TSchema } from "@sinclair/typebox";
import { decodeCompletion, decodeFim } from "../../../src/dialects/openai/completions-decode.ts";
import {
  createCompletionStream,
  encodeCompletion,
} from "../../../src/dialects/openai/completions-encode.ts";
import {
  Completion,
  CompletionChunk,
  CompletionRequest,
  FimRequest,
} from "../../../src/dialects/openai/completions-schema.ts";
import { createChatStream, encodeChat } from "../../../src/dialects/openai/encode.ts";
import {
  ChatCompletion,
  ChatCompletionChunk,
  ErrorResponse,
} from "../../../src/dialects/openai/schema.ts";
import { runGoldenSuite } from "../../support/golden.ts";
import { createShapeCheck } from "./support.ts";

const folder = join(import.meta.dir, "../../golden/openai");
const openCompletion = reader(CompletionRequest);
const openFim = reader(FimRequest);

runGoldenSuite({
  name: "openai completions",
  folder: join(folder, "completions"),
  framing: "sse",
  open(body, meta) {
    const turn = decodeCompletion(openCompletion(body));
    return {
      turn,
      stream: createCompletionStream(meta, turn),
      whole: (result, before) => encodeCompletion([...before, result], meta, turn.echoes),
    };
  },
  checkMessage: checkMessages(CompletionChunk),
  checkWhole: createShapeCheck(Completion),
});

runGoldenSuite({
  name: "openai fill in the middle",
  folder: join(folder, "fim"),
  framing: "sse",
  open(body, meta) {
    const turn = decodeFim(openFim(body));
    const { includeUsage } = turn;
    return {
      turn,
      stream: createChatStream(meta, { includeUsage }),
      whole: (result) => encodeChat(result, meta),
    };
  },
  checkMessage: checkMessages(ChatCompletionChunk),
  checkWhole: createShapeCheck(ChatCompletion),
});

function reader<S extends TSchema>(schema: S): (body: unknown) => Static<S> {
  const check = TypeCompiler.Compile(schema);
  return (body) => {
    if (!check.Check(body)) throw new Error(JSON.stringify(check.Errors(body).First()));
    return body;
  };
}

function checkMessages(chunk: TSchema): (message: unknown) => void {
  const checkChunk = createShapeCheck(chunk);
  const checkError = createShapeCheck(ErrorResponse);
  return (message) => {
    const isError = typeof message === "object" && message !== null && "error" in message;
    return isError ? checkError(message) : checkChunk(message);
  };
}

import { join } from "node:path";
import { createChatStream, encodeChat } from "../../../src/dialects/openai/encode.ts";
import {
  ChatCompletion,
  ChatCompletionChunk,
  ErrorResponse,
} from "../../../src/dialects/openai/schema.ts";
import { runGoldenSuite } from "../../support/golden.ts";
import { createShapeCheck, openChat } from "./support.ts";

const checkChunk = createShapeCheck(ChatCompletionChunk);
const checkError = createShapeCheck(ErrorResponse);

runGoldenSuite({
  name: "openai chat",
  folder: join(import.meta.dir, "../../golden/openai"),
  framing: "sse",
  open(body, meta) {
    const decoded = openChat(body);
    return {
      turn: decoded,
      stream: createChatStream(meta, decoded),
      whole: (result) => encodeChat(result, meta, decoded),
    };
  },
  checkMessage: (message) => {
    const isError = typeof message === "object" && message !== null && "error" in message;
    return isError ? checkError(message) : checkChunk(message);
  },
  checkWhole: createShapeCheck(ChatCompletion),
});

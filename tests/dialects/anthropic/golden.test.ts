import { join } from "node:path";
import {
  ErrorAnswer,
  Message,
  MessageStreamEvent,
} from "../../../src/dialects/anthropic/answer-schema.ts";
import { createMessageStream, encodeMessage } from "../../../src/dialects/anthropic/encode.ts";
import { runGoldenSuite } from "../../support/golden.ts";
import { createShapeCheck, openMessages } from "./support.ts";

const checkEvent = createShapeCheck(MessageStreamEvent);
const checkError = createShapeCheck(ErrorAnswer);

runGoldenSuite({
  name: "anthropic messages",
  folder: join(import.meta.dir, "../../golden/anthropic"),
  framing: "sse",
  open(body, meta) {
    const decoded = openMessages(body);
    const { thinking } = decoded;
    return {
      turn: decoded,
      stream: createMessageStream(meta, { thinking, promptTokens: 9 }),
      whole: (result) => encodeMessage(result, meta, { thinking }),
    };
  },
  checkMessage: (message) => {
    const isError = typeof message === "object" && message !== null && "error" in message;
    return isError ? checkError(message) : checkEvent(message);
  },
  checkWhole: createShapeCheck(Message),
});

import { join } from "node:path";
import {
  ResponseObject,
  ResponseStreamEvent,
} from "../../../src/dialects/openai/responses-answer-schema.ts";
import { encodeResponse } from "../../../src/dialects/openai/responses-encode.ts";
import { createResponseStream } from "../../../src/dialects/openai/responses-stream.ts";
import { runGoldenSuite } from "../../support/golden.ts";
import { openResponse } from "./responses-support.ts";
import { createShapeCheck } from "./support.ts";

runGoldenSuite({
  name: "openai responses",
  folder: join(import.meta.dir, "../../golden/openai-responses"),
  framing: "sse",
  open(body, meta) {
    const decoded = openResponse(body);
    const { forms, ...turn } = decoded;
    return {
      turn: { ...turn, forms: Object.fromEntries(forms) },
      stream: createResponseStream(meta, decoded),
      whole: (result) => encodeResponse(result, meta, decoded),
    };
  },
  checkMessage: createShapeCheck(ResponseStreamEvent),
  checkWhole: createShapeCheck(ResponseObject),
});

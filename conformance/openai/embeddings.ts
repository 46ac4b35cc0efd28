// OpenAI: POST /v1/embeddings.

import { Base64Embeddings, ErrorAnswer, FloatEmbeddings } from "./chat-shape.ts";
import { fits, must, same, shorten } from "../check.ts";
import type { Check } from "../check.ts";
import type { Answer, Server } from "../server.ts";
import { check } from "./asking.ts";

const embeddings = check("embeddings");

async function embed(server: Server, input: unknown, more: object = {}): Promise<Answer> {
  const answer = await server.send("/v1/embeddings", {
    body: { model: server.model, input, ...more },
  });
  must(answer.status === 200, `it answers ${answer.status}: ${shorten(answer.text)}`);
  return answer;
}

/** Little-endian 32-bit floats, as OpenAI's clients unpack them. */
function unpack(text: string): readonly number[] {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  must(bytes.length % 4 === 0, "the bytes are no 32-bit floats");
  const view = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getFloat32(index * 4, true));
}

export const EMBEDDINGS: readonly Check[] = [
  embeddings("whole answers", "of one text and of several, in their order", async (server) => {
    same(
      "the number of vectors",
      fits(FloatEmbeddings, (await embed(server, "one")).json).data.length,
      1,
    );
    const { data } = fits(FloatEmbeddings, (await embed(server, ["one", "two", "three"])).json);
    same(
      "the places",
      data.map(({ index }) => index),
      [0, 1, 2],
    );
    same("the number of lengths", new Set(data.map(({ embedding }) => embedding.length)).size, 1);
  }),
  embeddings("encodings of vectors", "base64 is the same vector as float", async (server) => {
    const float = await embed(server, "one", { encoding_format: "float" });
    const packed = await embed(server, "one", { encoding_format: "base64" });
    const [first] = fits(FloatEmbeddings, float.json).data;
    const [second] = fits(Base64Embeddings, packed.json).data;
    const vector = unpack(second?.embedding ?? "");
    same("the vector", vector, (first?.embedding ?? []).map(Math.fround));
  }),
  embeddings(
    "encodings of vectors",
    "as long as `dimensions` says, or refused by name",
    async (server) => {
      const body = { model: server.model, input: "one", dimensions: 16 };
      const answer = await server.send("/v1/embeddings", { body });
      if (answer.status === 400) {
        return same("the field", fits(ErrorAnswer, answer.json).error.param, "dimensions");
      }
      return same("the length", fits(FloatEmbeddings, answer.json).data[0]?.embedding.length, 16);
    },
  ),
  embeddings("usage", "whole: the prompt's tokens are the total", async (server) => {
    const { usage } = fits(FloatEmbeddings, (await embed(server, "one")).json);
    same("the total", usage.total_tokens, usage.prompt_tokens);
  }),
  embeddings(
    "unknown fields and nulls",
    "what clients add is taken, and null anywhere",
    async (server) => {
      const nulls = { encoding_format: null, dimensions: null, user: null };
      for (const more of [nulls, { user: "me", input_type: "query", truncate: "END" }]) {
        fits(FloatEmbeddings, (await embed(server, "one", more)).json);
      }
    },
  ),
];

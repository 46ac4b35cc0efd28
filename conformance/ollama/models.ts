// Ollama: what its clients ask about models before and beside them.

import { fits, must, same } from "../check.ts";
import type { Check } from "../check.ts";
import * as Shape from "./shape.ts";
import { readLines } from "../order.ts";
import { post, tags, ollama } from "./asking.ts";

export const OLLAMA_MODELS: readonly Check[] = [
  ollama("lists and descriptions", "GET and HEAD of /, /api/version, /api/tags", async (server) => {
    const greeting = await server.send("/", { key: null });
    same("the greeting", [greeting.status, greeting.text], [200, "Ollama is running"]);
    same("the content type", greeting.type, "text/plain");
    const { version } = fits(Shape.Version, (await server.send("/api/version")).json);
    const [major = 0, minor = 0, patch = 0] = version.split(".").map(Number);
    must(major * 1e6 + minor * 1e3 + patch >= 6_004, `Copilot Chat refuses the version ${version}`);
    for (const path of ["/", "/api/version", "/api/tags"]) {
      const head = await server.send(path, { method: "HEAD" });
      same(`HEAD ${path}`, [head.status, head.text], [200, ""]);
    }
  }),
  ollama(
    "lists and descriptions",
    "tags and ps have every field that the strictest reader needs",
    async (server) => {
      const models = await tags(server);
      for (const { name, model } of models) same("the model", model, name);
      same(
        "the number of different names",
        new Set(models.map(({ name }) => name)).size,
        models.length,
      );
      must(
        models.every(({ name }) => !name.includes("-embed")),
        "Zed hides a name with -embed",
      );
      fits(Shape.Running, (await server.send("/api/ps")).json);
    },
  ),
  ollama(
    "lists and descriptions",
    "show describes every model, by `model` and by `name`",
    async (server) => {
      for (const { name } of await tags(server)) {
        const shown = fits(Shape.Shown, (await post(server, "/api/show", { model: name })).json);
        const other = await post(server, "/api/show", { name, verbose: true });
        same(
          "the description by name",
          other.json,
          (await post(server, "/api/show", { model: name })).json,
        );
        const family = shown.model_info["general.architecture"];
        const length = shown.model_info[`${String(family)}.context_length`];
        must(Number.isInteger(length) && Number(length) > 0, "there is no context length");
        must(shown.capabilities.includes("completion"), "it cannot complete");
        const can = (word: string) => shown.capabilities.some((each) => each === word);
        same("a suffix in the template", shown.template.includes(".Suffix"), can("insert"));
        same("tools in the template", shown.template.includes(".Tools"), can("tools"));
      }
      const body = { model: "no-such-model" };
      const missing = await server.send("/api/show", { body });
      same("the status of one that is not there", missing.status, 404);
      fits(Shape.ErrorAnswer, missing.json);
    },
  ),
  ollama("loading and managing", "empty calls load and unload", async (server) => {
    const { model } = server;
    for (const [more, reason] of [
      [{}, "load"],
      [{ keep_alive: 0 }, "unload"],
      [{ keep_alive: "5m" }, "load"],
    ] as const) {
      for (const [path, empty] of [
        ["/api/chat", { messages: [] }],
        ["/api/chat", {}],
        ["/api/generate", {}],
        ["/api/generate", { prompt: "" }],
      ] as const) {
        const answer = await post(server, path, { model, ...empty, ...more, stream: false });
        same("the reason to end", fits(Shape.LoadAnswer, answer.json).done_reason, reason);
        // Ollama itself answers a streamed one with one JSON object, too.
        const streamed = await post(server, path, { model, ...empty, ...more });
        fits(Shape.LoadAnswer, streamed.json);
      }
    }
  }),
  {
    ...ollama(
      "loading and managing",
      "pull of a listed model succeeds, and other management is a 501",
      async (server) => {
        const pulled = await post(server, "/api/pull", { model: server.model, stream: false });
        same("the status", fits(Shape.Status, pulled.json).status, "success");
        const streamed = await post(server, "/api/pull", { name: server.model });
        same("the content type", streamed.type, "application/x-ndjson");
        const lines = readLines(streamed.text).map((line) => fits(Shape.Status, line));
        same("the last line", lines.at(-1), { status: "success" });
        const missing = await server.send("/api/pull", {
          body: { model: "no-such-model", stream: false },
        });
        same("the status of one that is not there", missing.status, 404);
        fits(Shape.ErrorAnswer, missing.json);
        for (const path of ["/api/create", "/api/copy", "/api/push"]) {
          const answer = await server.send(path, { body: { model: server.model } });
          same(`the status of ${path}`, answer.status, 501);
          fits(Shape.ErrorAnswer, answer.json);
        }
        const deleted = await server.send("/api/delete", {
          method: "DELETE",
          body: { model: server.model },
        });
        same("the status of /api/delete", deleted.status, 501);
        fits(Shape.ErrorAnswer, deleted.json);
      },
    ),
    ours: true,
  },
];

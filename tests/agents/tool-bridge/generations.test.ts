// An agent is served whichever generation of MCP its client speaks: with a session, up to 2025-11-25, or with requests
// that stand for themselves. What must be true of every call, with the official client of each.

import { afterEach, describe, expect, test } from "bun:test";
import type { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Turn } from "../../../src/core/turn.ts";
import {
  type Bench,
  type Play,
  READ,
  STOP,
  type Speaks,
  asks,
  bench,
  brings,
  hang,
  refusal,
  say,
} from "./support.ts";

const GENERATIONS: readonly Speaks[] = ["2025-11-25", "2026-07-28"];

const open: Bench[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map(({ tools }) => tools.close()));
});

describe.each(GENERATIONS)("an agent that speaks MCP %s", (speaks) => {
  function started(play: Play): Bench {
    const one = bench(play, { speaks });
    open.push(one);
    return one;
  }

  test("sees the editor's tools in the protocol that it speaks", async () => {
    const { read } = started(async function* ({ client }) {
      const connected = await client();
      const { tools } = await connected.listTools();
      // The older client keeps the version to its transport.
      const version =
        "getNegotiatedProtocolVersion" in connected
          ? connected.getNegotiatedProtocolVersion()
          : (connected.transport as StreamableHTTPClientTransport).protocolVersion;
      yield say(JSON.stringify([tools, connected.getInstructions()?.includes("editor"), version]));
      yield STOP;
    });
    const { text } = await read(asks({ tools: [READ] }));
    const listed = [
      { name: READ.name, description: READ.description, inputSchema: READ.parameters },
    ];
    expect(JSON.parse(text)).toEqual([listed, true, speaks]);
  });

  test("gets the results of calls that it made at once, errors marked, and calls again", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const both = await Promise.all([call("read_file", { path: "a" }), call("list_files")]);
      yield say(both.join("+"));
      yield say(`+${await call("list_files")}`);
      yield STOP;
    });
    const first = asks();
    const { toolCalls } = await readParked(first, 2);
    const results = toolCalls.map(({ id, name }) => ({
      toolCallId: id,
      content: [{ type: "text", text: name }],
      isError: name === "list_files",
    }));
    const second = brings(first, {});
    const request = { ...second.request, results } as Turn["request"];
    const again = await readParked({ ...second, request }, 3);
    expect(again.text).toBe("read_file+!list_files");
    const { text } = await read(brings(second, { [again.toolCalls[0]!.id]: "last" }));
    expect(text).toBe("+last");
  });

  test("reads what the user wrote beside the results, with the last of them", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      const both = await Promise.all([call("read_file", { path: "a" }), call("list_files")]);
      yield say(both.toSorted((one, other) => one.length - other.length).join("|"));
      yield STOP;
    });
    const first = asks();
    const { toolCalls } = await readParked(first, 2);
    const results = Object.fromEntries(toolCalls.map(({ id }) => [id, "x"]));
    const { text } = await read(brings(first, results, {}, "Hurry."));
    expect(text).toBe("x|xThe user wrote with these results:\nHurry.");
  });

  test("sees the images of a result, and those that the user sent with it", async () => {
    const { read, readParked } = started(async function* ({ call }) {
      yield say(await call("read_file", { path: "a" }));
      yield STOP;
    });
    const first = asks();
    const { toolCalls } = await readParked(first, 1);
    const image = (data: string) => ({ type: "image", mediaType: "image/png", data }) as const;
    const shot = [{ type: "text", text: "Shot: " } as const, image("AAEC")];
    const results = { [toolCalls[0]!.id]: shot };
    const { text } = await read(brings(first, results, {}, [image("AA==")]));
    expect(text).toBe(
      "Shot: [image/png, 3 bytes]The user wrote with these results:[image/png, 1 bytes]",
    );
  });

  test("hears that we are still there while its call waits", async () => {
    const beats = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    let heard = 0;
    const { read, readParked, clock, tools } = started(async function* ({ call }) {
      const onProgress = (message: string): void => beats[heard++]?.resolve(message);
      yield say(await call("read_file", { path: "a" }, { onProgress }));
      yield STOP;
    });
    const turn = asks();
    const { toolCalls } = await readParked(turn, 1);
    for (const beat of beats) {
      clock.advance(7_000);
      expect(await beat.promise).toBe("Waiting for the editor.");
    }
    expect((await read(brings(turn, { [toolCalls[0]!.id]: "x" }))).text).toBe("x");
    await tools.close();
    expect(clock.timers).toBe(0);
  });

  test.each(["cancels its call", "closes its connection"])(
    "ends the run that waits for the editor when it %s",
    async (how) => {
      const go = Promise.withResolvers<void>();
      const cancel = new AbortController();
      const { inner, read, readParked } = started(async function* ({ call, client, signal }) {
        void call("read_file", { path: "a" }, { signal: cancel.signal }).catch(() => undefined);
        await go.promise;
        if (how === "cancels its call") cancel.abort();
        else await (await client()).close();
        await hang(signal);
        yield STOP;
      });
      const turn = asks();
      const { toolCalls } = await readParked(turn, 1);
      go.resolve();
      await inner.whenStopped();
      const late = read(brings(turn, { [toolCalls[0]!.id]: "x" }));
      expect(await refusal(late)).toBe("parked_turn_unknown");
    },
  );

  test("is cut off when the bridge closes, and leaves nothing behind", async () => {
    const { inner, tools, clock, readParked } = started(async function* ({ call }) {
      yield say(await call("read_file", { path: "a" }));
      yield STOP;
    });
    await readParked(asks(), 1);
    await tools.close();
    expect([inner.stopped, clock.timers]).toEqual([1, 0]);
  });
});

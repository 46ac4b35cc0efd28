// Makes the `mcp` connector act out a scenario: an official MCP client waits for requests and answers them by the tools.

import type { Random } from "../../../src/core/ports.ts";
import type { AgentHarness } from "../../contract/agent-contract.ts";
import { type Scenario, type Step, stepsFor } from "../../contract/scenario.ts";
import { playChat, settled } from "./support.ts";
import type { PlayedChat, Told } from "./support.ts";
import { createCountingRandom } from "../support.ts";

/** Chats that serve at once: one that hangs must not keep the others. */
const CHATS = 4;

export const mcpHarness: AgentHarness = {
  supports: { embeddings: "none", parking: true, failures: ["agent_error", "agent_lost"] },
  start: async (scenario) => {
    const reached = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    const ids: string[] = [];
    const played = await playChat({ random: givingOut(ids) });
    const rest = new Map<string, readonly Step[]>();

    async function serve(): Promise<void> {
      const told = await played.call("wait_for_request");
      if (told.head["status"] === "cancelled") stopped.resolve();
      if (told.head["status"] === "request") {
        reached.resolve();
        await play(played, told, { steps: stepsOf(scenario, told, rest), rest, ids });
      }
      await serve();
    }

    await played.chat.join();
    // Each ends by the end of its connection.
    for (let count = 0; count < CHATS; count += 1) void serve().catch(() => undefined);
    await settled(played);
    return {
      agent: played.chat.agent,
      reached: reached.promise,
      stopped: stopped.promise,
      close: played.close,
    };
  },
};

function stepsOf(
  scenario: Scenario,
  { head, text }: Told,
  rest: ReadonlyMap<string, readonly Step[]>,
): readonly Step[] {
  const { continues } = head;
  if (continues !== undefined) return rest.get(continues) ?? [];
  const asked = text.split('<message from="user">\n').at(-1)?.split("\n</message>")[0] ?? "";
  return stepsFor(scenario, asked);
}

interface Part {
  readonly steps: readonly Step[];
  readonly rest: Map<string, readonly Step[]>;
  /** For the editor, of the calls that are on their way. */
  readonly ids: string[];
}

/** The connector makes up the ids of calls; a scenario wants to know them. */
function givingOut(ids: string[]): Random {
  const random = createCountingRandom();
  return { ...random, id: (prefix) => ids.shift() ?? random.id(prefix) };
}

async function play(
  { call, close }: PlayedChat,
  { head, text, images }: Told,
  { steps, rest, ids }: Part,
): Promise<void> {
  const id = head["id"] ?? "";
  const end: Record<string, unknown> = {};
  for (const [index, step] of steps.entries()) {
    switch (step.type) {
      case "say":
        await call("respond_chunk", { id, text: step.text });
        break;
      case "think":
        await call("respond_chunk", { id, text: step.text, kind: "reasoning" });
        break;
      case "call": {
        const given = step.fragments.join("");
        ids.push(step.id);
        await call("report_tool_call", {
          id,
          name: step.name,
          call_id: `own_${step.id}`,
          arguments: given,
          more: true,
        });
        break;
      }
      case "say-results":
        await call("respond_chunk", { id, text: resultsIn(text, images) });
        break;
      case "usage": {
        const { promptTokens, completionTokens } = step.usage;
        const usage = { prompt_tokens: promptTokens, completion_tokens: completionTokens };
        end["usage"] = usage;
        break;
      }
      case "finish":
        end["finish_reason"] = step.reason;
        break;
      case "park":
        rest.set(id, steps.slice(index + 1));
        await call("respond", { id, text: "" });
        return;
      case "fail":
        if (step.code === "agent_lost") await close();
        else await call("decline", { id, reason: "the scenario says: fail" });
        return;
      case "hang":
        return;
      case "vectors":
        throw new Error("no embeddings here");
    }
  }
  await call("respond", { id, text: "", ...end });
}

function resultsIn(text: string, images: Told["images"]): string {
  const results = text.matchAll(/<tool-result [^>]*>\n([\s\S]*?)\n<\/tool-result>/g);
  const said = Array.from(results, ([, content = ""]) => content).join("");
  return said.replaceAll(/\[image (\d+), below\]/g, (_, count) => {
    const { mimeType, data = "" } = images[Number(count) - 1] ?? {};
    return `[${mimeType}, ${Buffer.from(data, "base64").length} bytes]`;
  });
}

// All checks, and running them one after the other against one server.

import { ANTHROPIC } from "./anthropic/answers.ts";
import { ANTHROPIC_MODELS } from "./anthropic/models.ts";
import { ANTHROPIC_REQUESTS } from "./anthropic/requests.ts";
import { runCheck } from "./check.ts";
import type { Check, Checked, Column } from "./check.ts";
import { EVERY_ROUTE } from "./every-route.ts";
import { OLLAMA } from "./ollama/answers.ts";
import { OLLAMA_MODELS } from "./ollama/models.ts";
import { OLLAMA_REQUESTS } from "./ollama/requests.ts";
import { CHAT_REQUESTS } from "./openai/chat-requests.ts";
import { CHAT } from "./openai/chat.ts";
import { COMPLETIONS } from "./openai/completions.ts";
import { EMBEDDINGS } from "./openai/embeddings.ts";
import { MODELS } from "./openai/models.ts";
import { RESPONSE_REQUESTS } from "./openai/responses-requests.ts";
import { RESPONSES } from "./openai/responses.ts";
import { lackingRoutes } from "./routes.ts";
import type { Server } from "./server.ts";

export const CHECKS: readonly Check[] = [
  ...CHAT,
  ...CHAT_REQUESTS,
  ...COMPLETIONS,
  ...RESPONSES,
  ...RESPONSE_REQUESTS,
  ...EMBEDDINGS,
  ...MODELS,
  ...OLLAMA,
  ...OLLAMA_REQUESTS,
  ...OLLAMA_MODELS,
  ...ANTHROPIC,
  ...ANTHROPIC_REQUESTS,
  ...ANTHROPIC_MODELS,
  ...EVERY_ROUTE,
];

export async function runSuite(
  server: Server,
  onChecked: (checked: Checked) => void = () => undefined,
): Promise<readonly Checked[]> {
  const results: Checked[] = [];
  const lacking = server.rehearses ? new Map<Column, string>() : await lackingRoutes(server);
  for (const check of CHECKS) {
    const reason = lacking.get(check.column);
    const checked: Checked = {
      check,
      outcome: reason === undefined ? await runCheck(check, server) : { status: "skip", reason },
    };
    results.push(checked);
    onChecked(checked);
  }
  return results;
}

// The agents: what is installed, how each is told where the model is, and the command by which it speaks ACP.

import { join } from "node:path";
import { KNOWN_MODEL, MODEL } from "./model.ts";

/** Where everything of one run is. */
export interface Place {
  /** Its HOME, empty at first. */
  readonly home: string;
  /** Of the model: `http://127.0.0.1:PORT` */
  readonly base: string;
  readonly key: string;
}

export interface Recipe {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** What it speaks to its model. All but Gemini's goes through a server of ours. */
  readonly speaks: "OpenAI chat" | "OpenAI responses" | "Anthropic" | "Gemini";
  /** Files to write beforehand: path, and text. */
  readonly files?: (place: Place) => Readonly<Record<string, string>>;
  readonly env?: (place: Place) => Readonly<Record<string, string>>;
  /** The program in `node_modules/.bin`, and its arguments. */
  readonly command: (place: Place) => readonly [string, ...string[]];
  /** What was noticed, for the report: sentences. */
  readonly note?: string;
}

const json = (value: object): string => JSON.stringify(value, null, 2);

export const RECIPES: readonly Recipe[] = [
  {
    name: "opencode",
    package: "opencode-ai",
    version: "1.18.33",
    speaks: "OpenAI chat",
    files: ({ home, base, key }) => ({
      [join(home, ".config/opencode/opencode.json")]: json({
        autoupdate: false,
        share: "disabled",
        model: `mock/${MODEL}`,
        small_model: `mock/${MODEL}`,
        enabled_providers: ["mock"],
        provider: {
          mock: {
            npm: "@ai-sdk/openai-compatible",
            options: { baseURL: `${base}/v1`, apiKey: key },
            models: { [MODEL]: { tool_call: true } },
          },
        },
      }),
    }),
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" }),
    command: () => ["opencode", "acp"],
    note: "By itself it runs commands without asking, in its plan mode too; we start it with `OPENCODE_PERMISSION` set to ask. It installs an npm package into its settings when it starts; here it found no registry.",
  },
  {
    name: "Gemini CLI",
    package: "@google/gemini-cli",
    version: "0.61.0",
    speaks: "Gemini",
    files: ({ home }) => ({
      [join(home, ".gemini/settings.json")]: json({
        security: { auth: { selectedType: "gemini-api-key" }, folderTrust: { enabled: false } },
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
      }),
    }),
    env: ({ base, key }) => ({ GEMINI_API_KEY: key, GOOGLE_GEMINI_BASE_URL: base }),
    command: () => ["gemini", "--acp", "-m", "gemini-2.5-flash", "--skip-trust"],
    note: "Its plan mode hides MCP tools, so it works in the one that asks.",
  },
  {
    name: "Copilot CLI",
    package: "@github/copilot",
    version: "1.0.102",
    speaks: "OpenAI chat",
    env: ({ home, base, key }) => ({
      COPILOT_OFFLINE: "true",
      COPILOT_AUTO_UPDATE: "false",
      COPILOT_PROVIDER_BASE_URL: `${base}/v1`,
      COPILOT_PROVIDER_API_KEY: key,
      COPILOT_MODEL: MODEL,
      COPILOT_HOME: join(home, ".copilot"),
    }),
    command: () => ["copilot", "--acp", "--stdio"],
    note: "It works in its plan mode, and refuses by itself there before it would ask.",
  },
  {
    name: "Codex",
    package: "@zed-industries/codex-acp",
    version: "0.16.0",
    speaks: "OpenAI responses",
    files: ({ home, base }) => ({
      [join(home, ".codex/config.toml")]: [
        `model = "${KNOWN_MODEL}"`,
        `model_provider = "mock"`,
        "check_for_update_on_startup = false",
        "[analytics]",
        "enabled = false",
        "[model_providers.mock]",
        `name = "mock"`,
        `base_url = "${base}/v1"`,
        `wire_api = "responses"`,
        `env_key = "MOCK_KEY"`,
        "request_max_retries = 0",
        "stream_max_retries = 0",
        "",
      ].join("\n"),
    }),
    env: ({ home, key }) => ({ CODEX_HOME: join(home, ".codex"), MOCK_KEY: key }),
    command: () => ["codex-acp"],
    note: "Its sandbox needs `bwrap`, which was not there: commands ask to run outside it.",
  },
  {
    name: "Claude Code",
    package: "@agentclientprotocol/claude-agent-acp",
    version: "0.49.0",
    speaks: "Anthropic",
    env: ({ base, key }) => ({
      ANTHROPIC_BASE_URL: base,
      ANTHROPIC_API_KEY: key,
      ANTHROPIC_MODEL: MODEL,
      ANTHROPIC_SMALL_FAST_MODEL: MODEL,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_TELEMETRY: "1",
      IS_SANDBOX: "1",
    }),
    command: () => ["claude-agent-acp"],
    note: "Where permissions could be skipped (not as root, or with `IS_SANDBOX`), its plan mode asks for nothing and does everything; it works in the one that asks.",
  },
  {
    name: "Qwen Code",
    package: "@qwen-code/qwen-code",
    version: "0.15.10",
    speaks: "OpenAI chat",
    files: ({ home }) => ({
      [join(home, ".qwen/settings.json")]: json({
        privacy: { usageStatisticsEnabled: false },
        telemetry: { enabled: false },
        general: { enableAutoUpdate: false, disableAutoUpdate: true, disableUpdateNag: true },
      }),
    }),
    command: ({ base, key }) => [
      ...(["qwen", "--acp", "--auth-type", "openai", "--openai-api-key", key] as const),
      ...["--openai-base-url", `${base}/v1`, "--model", MODEL],
    ],
    note: "It hides MCP tools from its model: the editor's are in the prompt.",
  },
];

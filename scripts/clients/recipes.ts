// The clients: what is installed, how each is told where we are, and the command that has it do the task.

import { join } from "node:path";
import { TASK } from "./model.ts";

/** Where everything of one run is. */
export interface Place {
  /** Where the package is installed. */
  readonly installed: string;
  /** Its HOME, empty at first. */
  readonly home: string;
  /** The working folder, with the file. */
  readonly work: string;
  /** `http://127.0.0.1:PORT` */
  readonly base: string;
  readonly key: string;
  /** Of ours, by the model's own name. */
  readonly model: string;
}

export interface Recipe {
  readonly name: string;
  readonly package: string;
  readonly version: string;
  /** What it speaks to us, as the report says it. */
  readonly speaks: string;
  /** The name by which `mlp connect` writes its settings; without it they are in `files` and the command. */
  readonly connect?: string;
  /** Files to write beforehand: path, and text. */
  readonly files?: (place: Place) => Readonly<Record<string, string>>;
  readonly env?: (place: Place) => Readonly<Record<string, string>>;
  /** The name by which it is to know the model; `scripted` without it. */
  readonly model?: string;
  /** What was noticed, for the report: a sentence. */
  readonly note?: string;
  /** The program in `node_modules/.bin`, and its arguments. */
  readonly command: (place: Place) => readonly [string, ...string[]];
}

const json = (value: object): string => JSON.stringify(value, null, 2);

export const RECIPES: readonly Recipe[] = [
  {
    name: "opencode",
    package: "opencode-ai",
    version: "1.18.33",
    speaks: "OpenAI chat",
    connect: "opencode",
    note: "It asks once more, for a title.",
    // Beside what `mlp connect` writes into its HOME: no other provider, nothing asked for beyond this machine.
    files: ({ work, model }) => ({
      [join(work, "opencode.json")]: json({
        autoupdate: false,
        share: "disabled",
        enabled_providers: ["mlp"],
        small_model: `mlp/${model}`,
        permission: { edit: "allow", bash: "allow" },
      }),
    }),
    env: () => ({ OPENCODE_DISABLE_AUTOUPDATE: "1", OPENCODE_DISABLE_MODELS_FETCH: "1" }),
    command: ({ model }) => [
      "opencode",
      "run",
      "--model",
      `mlp/${model}`,
      "--format",
      "json",
      TASK,
    ],
  },
  {
    name: "Codex CLI",
    package: "@openai/codex",
    version: "0.169.0",
    speaks: "OpenAI responses",
    connect: "codex",
    model: "gpt-5.5",
    note: "By a model's name that it knows, such as this run's `gpt-5.5`, it offers its tool for patches; by others it edits in the shell, which works too.",
    files: ({ home }) => ({
      [join(home, ".codex/config.toml")]:
        "check_for_update_on_startup = false\n\n[analytics]\nenabled = false\n",
    }),
    command: () => [
      ...(["codex", "exec", "--json", "--skip-git-repo-check"] as const),
      // Its own sandbox needs rights that a container may not have; ours has nothing but the scratch folder to lose.
      ...["--dangerously-bypass-approvals-and-sandbox", TASK],
    ],
  },
  {
    name: "Claude Code",
    package: "@anthropic-ai/claude-code",
    version: "2.1.197",
    speaks: "Anthropic",
    connect: "claude-code",
    env: () => ({
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
      DISABLE_AUTOUPDATER: "1",
      DISABLE_TELEMETRY: "1",
    }),
    command: () => [
      ...(["claude", "-p", TASK, "--verbose"] as const),
      ...["--output-format", "stream-json", "--allowedTools", "Read,Edit"],
    ],
  },
  {
    name: "Qwen Code",
    package: "@qwen-code/qwen-code",
    version: "0.15.10",
    speaks: "OpenAI chat",
    files: ({ home }) => ({
      [join(home, ".qwen/settings.json")]: json({
        privacy: { usageStatisticsEnabled: false },
        general: { enableAutoUpdate: false, disableAutoUpdate: true, disableUpdateNag: true },
        telemetry: { enabled: false },
      }),
    }),
    command: ({ base, key, model }) => [
      ...(["qwen", "--auth-type", "openai", "--openai-api-key", key] as const),
      ...["--openai-base-url", `${base}/v1`, "--model", model, "--approval-mode", "yolo"],
      ...["-p", TASK],
    ],
  },
  {
    name: "Continue's CLI",
    package: "@continuedev/cli",
    version: "1.5.47",
    speaks: "OpenAI chat",
    connect: "continue",
    env: () => ({ CONTINUE_TELEMETRY_ENABLED: "0", CONTINUE_METRICS_ENABLED: "0" }),
    command: ({ home }) => [
      ...(["cn", "-p", TASK, "--config", join(home, ".continue/config.yaml"), "--auto"] as const),
    ],
  },
  {
    name: "Cline's CLI",
    package: "cline",
    version: "3.0.65",
    speaks: "OpenAI chat",
    files: ({ home, base, key, model }) => ({
      [join(home, ".cline/data/settings/providers.json")]: json({
        version: 1,
        lastUsedProvider: "openai-compatible",
        modes: {},
        providers: {
          "openai-compatible": {
            settings: { provider: "openai-compatible", apiKey: key, model, baseUrl: `${base}/v1` },
            updatedAt: "2026-01-01T00:00:00.000Z",
            tokenSource: "manual",
          },
        },
      }),
    }),
    note: "It leaves a process of its own running, which was ended.",
    command: ({ model }) => [
      ...(["cline", "--json", "--auto-approve", "true"] as const),
      ...["-P", "openai-compatible", "-m", model, TASK],
    ],
  },
];

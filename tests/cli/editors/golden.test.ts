// Every editor's file before and after, as text: what is the user's own stays as it is, comments and layout too.

import { describe, expect, test } from "bun:test";

import type { Endpoint, FileEditor, Undo } from "../../../src/cli/editors/editor.ts";
import { CONTEXT_TOKENS, SettingsError } from "../../../src/cli/editors/editor.ts";
import { aider } from "../../../src/cli/editors/aider.ts";
import { claudeCode } from "../../../src/cli/editors/claude-code.ts";
import { codex } from "../../../src/cli/editors/codex.ts";
import { continueEditor } from "../../../src/cli/editors/continue.ts";
import { opencode } from "../../../src/cli/editors/opencode.ts";
import { zed } from "../../../src/cli/editors/zed.ts";
import { SETTINGS } from "../../../src/config/settings.ts";

const endpoint: Endpoint = { base: "http://127.0.0.1:11434", key: "KEY", model: "cursor-agent" };

const edit = (editor: FileEditor, text: string, at = endpoint) =>
  editor.format.edit(text, editor.entries(at));

function remove(editor: FileEditor, text: string, original: string | undefined) {
  const ours = new Map(
    editor.entries(endpoint).map(({ path, value }) => [JSON.stringify(path), value]),
  );
  const isOurs: Undo["isOurs"] = (path, value) =>
    Bun.deepEquals(ours.get(JSON.stringify(path)), value);
  const paths = editor.entries(endpoint).map(({ path }) => path);
  return editor.format.remove(text, paths, { original, isOurs });
}

interface Golden {
  readonly name: string;
  readonly editor: FileEditor;
  readonly before: string;
  readonly after: string;
}

const continueItem = [
  "  - name: MCP Local Provider",
  "    provider: openai",
  "    model: cursor-agent",
  '    apiBase: "http://127.0.0.1:11434/v1"',
  "    apiKey: KEY",
  "    roles: [chat, edit, apply]",
  "    capabilities: [tool_use, image_input]",
  "    defaultCompletionOptions:",
  "      contextLength: 128000",
  "      maxTokens: 32000",
  "",
].join("\n");

const codexTable = [
  "# >>> mlp connect >>>",
  "[model_providers.mlp]",
  'name = "MCP Local Provider"',
  'base_url = "http://127.0.0.1:11434/v1"',
  'wire_api = "responses"',
  "request_max_retries = 0",
  "stream_max_retries = 0",
  'experimental_bearer_token = "KEY"',
  "# <<< mlp connect <<<",
  "",
].join("\n");

const codexChoice = [
  "# >>> mlp connect >>>",
  'model = "cursor-agent"',
  'model_provider = "mlp"',
  "model_context_window = 128000",
  "# <<< mlp connect <<<",
  "",
].join("\n");

const cases: readonly Golden[] = [
  {
    name: "Continue, with models and comments",
    editor: continueEditor,
    before: `# mine
name: Work
version: 1.0.0
schema: v1
models:
  # the big one
  - name: "Claude"   # do not touch
    provider: anthropic
    apiKey: \${{ secrets.A }}

# behind the models
rules:
    - be short
`,
    after: `# mine
name: Work
version: 1.0.0
schema: v1
models:
  # the big one
  - name: "Claude"   # do not touch
    provider: anthropic
    apiKey: \${{ secrets.A }}
${continueItem}
# behind the models
rules:
    - be short
`,
  },
  {
    name: "Continue, with dashes at the margin",
    editor: continueEditor,
    before: "models:\n- name: A\n  provider: openai\nrules: []\n",
    after: `models:\n- name: A\n  provider: openai\n${continueItem.replace(/^ {2}/gm, "")}rules: []\n`,
  },
  {
    name: "Continue, without a line feed at the end",
    editor: continueEditor,
    before: "name: Work\nversion: 1.0.0",
    after: `name: Work\nversion: 1.0.0\nmodels:\n${continueItem}`,
  },
  {
    name: "Zed, with comments and trailing commas",
    editor: zed,
    before: `// Zed settings
{
  "theme": "One Dark", // dark
  /* fonts */
  "buffer_font_size": 14,
  "language_models": {
    "anthropic": { "version": "1" },
  },
}
`,
    after: `// Zed settings
{
  "theme": "One Dark", // dark
  /* fonts */
  "buffer_font_size": 14,
  "language_models": {
    "anthropic": { "version": "1" },
    "ollama": {
      "api_url": "http://127.0.0.1:11434/k/KEY"
    },
  },
}
`,
  },
  {
    name: "Zed, with a comment behind the last setting",
    editor: zed,
    before: '{\n  "theme": "One" // mine\n  // the end\n}\n',
    after:
      '{\n  "theme": "One", // mine\n  "language_models": {\n    "ollama": {\n      "api_url": "http://127.0.0.1:11434/k/KEY"\n    }\n  }\n  // the end\n}\n',
  },
  {
    name: "Zed, with nothing but a comment",
    editor: zed,
    before: "{\n  // nothing yet\n}\n",
    after:
      '{\n  // nothing yet\n  "language_models": {\n    "ollama": {\n      "api_url": "http://127.0.0.1:11434/k/KEY"\n    }\n  }\n}\n',
  },
  {
    name: "Claude Code, all on one line",
    editor: { ...claudeCode, entries: (at) => claudeCode.entries(at).slice(0, 2) },
    before: '{ "env": { "FOO": "1" } }',
    after:
      '{ "env": { "FOO": "1", "ANTHROPIC_BASE_URL": "http://127.0.0.1:11434", "ANTHROPIC_AUTH_TOKEN": "KEY" } }',
  },
  {
    name: "Zed, with tabs and an address of its own",
    editor: zed,
    before:
      '{\n\t"language_models": {\n\t\t"ollama": {\n\t\t\t"api_url": "http://gpu:11434"\n\t\t}\n\t}\n}\n',
    after:
      '{\n\t"language_models": {\n\t\t"ollama": {\n\t\t\t"api_url": "http://127.0.0.1:11434/k/KEY"\n\t\t}\n\t}\n}\n',
  },
  {
    name: "opencode, with a provider and a model of its own",
    editor: opencode,
    before: `{
  "$schema": "https://opencode.ai/config.json",
  "model": "anthropic/claude", // my choice
  "provider": {
    "anthropic": {}
  }
}
`,
    after: `{
  "$schema": "https://opencode.ai/config.json",
  "model": "anthropic/claude", // my choice
  "provider": {
    "anthropic": {},
    "mlp": {
      "npm": "@ai-sdk/openai-compatible",
      "name": "MCP Local Provider",
      "options": {
        "baseURL": "http://127.0.0.1:11434/v1",
        "apiKey": "KEY"
      },
      "models": {
        "cursor-agent": {
          "name": "cursor-agent",
          "limit": {
            "context": 128000,
            "output": 32000
          }
        }
      }
    }
  }
}
`,
  },
  {
    name: "Codex, with a model and tables of its own",
    editor: codex,
    before: `# my codex
model = "gpt-5" # the fast one
approval_policy = "on-request"

[mcp_servers.files]
command = "files"
model = "not the one at the top"
`,
    after: `${codexChoice}# my codex
# mlp connect replaces: model = "gpt-5" # the fast one
approval_policy = "on-request"

[mcp_servers.files]
command = "files"
model = "not the one at the top"
${codexTable}`,
  },
  {
    name: "Codex, with carriage returns",
    editor: codex,
    before: 'model = "gpt-5"\r\n',
    after: `${codexChoice}# mlp connect replaces: model = "gpt-5"\n${codexTable}`.replaceAll(
      "\n",
      "\r\n",
    ),
  },
  {
    name: "Claude Code, with permissions and a variable of its own",
    editor: claudeCode,
    before: `{
  "permissions": { "allow": ["Bash(ls)"] },
  "env": {
    "ANTHROPIC_BASE_URL": "https://gateway.example",
    "FOO": "1"
  }
}
`,
    after: `{
  "permissions": { "allow": ["Bash(ls)"] },
  "env": {
    "ANTHROPIC_BASE_URL": "http://127.0.0.1:11434",
    "FOO": "1",
    "ANTHROPIC_AUTH_TOKEN": "KEY",
    "ANTHROPIC_MODEL": "cursor-agent",
    "ANTHROPIC_DEFAULT_OPUS_MODEL": "cursor-agent",
    "ANTHROPIC_DEFAULT_SONNET_MODEL": "cursor-agent",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL": "cursor-agent",
    "CLAUDE_CODE_MAX_CONTEXT_TOKENS": "128000"
  }
}
`,
  },
  {
    name: "aider, with a model of its own and comments",
    editor: aider,
    before: "# main\nmodel: sonnet  # for now\ndark-mode: true\nread:\n  - A.md\n",
    after:
      '# main\nmodel: "openai/cursor-agent"  # for now\ndark-mode: true\nread:\n  - A.md\nopenai-api-base: "http://127.0.0.1:11434/v1"\nopenai-api-key: "KEY"\n',
  },
];

describe.each(cases.map((each) => [each.name, each] as const))(
  "%s",
  (_, { editor, before, after }) => {
    test("is changed where ours belongs, and nowhere else", () => {
      expect(edit(editor, before)).toBe(after);
    });

    test("is the same again when ours is taken out", () => {
      const again = remove(editor, after, before);
      // A value that is put back is written as JSON, which is YAML too; a line that had no end has one.
      const quoted = before.replace("model: sonnet", 'model: "sonnet"');
      expect(again.trimEnd()).toBe(quoted.trimEnd());
    });
  },
);

describe("a new file", () => {
  const editors: readonly FileEditor[] = [continueEditor, zed, opencode, codex, claudeCode, aider];
  test.each(editors.map((editor) => [editor.name, editor] as const))(
    "of %s holds our entries and nothing else of ours stays in it",
    (_, editor) => {
      const text = edit(editor, editor.skeleton);
      for (const { path, value } of editor.entries(endpoint)) {
        const at = path.reduce<unknown>(
          (inner, step) =>
            typeof step === "string"
              ? (inner as Record<string, unknown>)[step]
              : (inner as { name: string }[]).find(({ name }) => name === step.name),
          editor.format.read(text),
        );
        expect(at).toEqual(value);
      }
      expect(editor.format.read(remove(editor, text, undefined))).toEqual(
        editor.format.read(editor.skeleton),
      );
    },
  );
});

describe("a file that is ours already", () => {
  test("takes another address in the place of the old one", () => {
    const other = { ...endpoint, base: "http://127.0.0.1:9" };
    for (const { editor, before } of cases) {
      expect(editor.format.read(edit(editor, edit(editor, before), other))).toEqual(
        editor.format.read(edit(editor, before, other)),
      );
    }
  });
});

describe("a file that somebody changed since", () => {
  test("keeps a value that is not ours any more", () => {
    const before = '{ "env": { "FOO": "1" } }\n';
    const text = edit(claudeCode, before).replace(
      '"ANTHROPIC_MODEL": "cursor-agent"',
      '"ANTHROPIC_MODEL": "opus"',
    );
    expect(claudeCode.format.read(remove(claudeCode, text, before))).toEqual({
      env: { FOO: "1", ANTHROPIC_MODEL: "opus" },
    });
  });

  test("keeps models that came behind ours", () => {
    const text = `${edit(continueEditor, continueEditor.skeleton)}  - name: Mine\n    provider: ollama\n`;
    expect(remove(continueEditor, text, undefined)).toBe(
      `${continueEditor.skeleton}models:\n  - name: Mine\n    provider: ollama\n`,
    );
  });

  test("keeps tables that came behind ours", () => {
    const text = `${edit(codex, 'model = "gpt-5"\n')}[tui]\nnotifications = true\n`;
    expect(remove(codex, text, undefined)).toBe('model = "gpt-5"\n[tui]\nnotifications = true\n');
  });

  test("that has a mark without its partner is left alone", () => {
    const text = edit(codex, "").replace("# <<< mlp connect <<<\n", "");
    expect(() => remove(codex, text, undefined)).toThrow(SettingsError);
  });
});

describe("a file that cannot be changed safely is refused", () => {
  const refused: readonly (readonly [FileEditor, string, string])[] = [
    [zed, '{ "a": }', "line 1: not valid JSON"],
    [zed, "[]", "not an object at its top"],
    [zed, '{ "language_models": "none" }', "has another form than expected"],
    [claudeCode, '{\n  "env": [],\n}', "has another form than expected"],
    [continueEditor, "models: [\n", "not valid YAML"],
    [continueEditor, "- a\n", "not a block of keys"],
    [continueEditor, "models: [{name: A}]\n", "cannot be changed safely"],
    [continueEditor, "models: {}\n", "has another form than expected"],
    [continueEditor, "models: *nowhere\n", "cannot be changed safely"],
    [aider, "{model: a}\n", "cannot be changed safely"],
    [codex, "model = \n", "not valid TOML"],
    [codex, "[model_providers.mlp]\nname = 'mine'\n", "of the same name"],
    [codex, 'instructions = """\nmodel = 1\n"""\n', "cannot be changed safely"],
  ];
  test.each(refused)("%#", (editor, text, complaint) => {
    expect(() => edit(editor, text)).toThrow(complaint);
  });
});

test("an empty list of models gets its first, and a comment behind it stays", () => {
  expect(edit(continueEditor, "models: [] # none yet\nname: A\n")).toBe(
    `models: # none yet\n${continueItem}name: A\n`,
  );
  expect(edit(continueEditor, "models:\nname: A\n")).toBe(`models:\n${continueItem}name: A\n`);
});

test("editors that are told a number of tokens are told what the server tells the others", () => {
  const told = SETTINGS.find(({ path }) => path === "model.context_length");
  expect(told?.schema["default"]).toBe(CONTEXT_TOKENS);
});

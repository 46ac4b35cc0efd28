// Whatever a settings file holds: our entries come in and go out, and everything else is as it was.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { stringify } from "yaml";

import type { FileEditor } from "../../../src/cli/editors/editor.ts";
import { SettingsError } from "../../../src/cli/editors/editor.ts";
import { claudeCode } from "../../../src/cli/editors/claude-code.ts";
import { continueEditor } from "../../../src/cli/editors/continue.ts";
import { opencode } from "../../../src/cli/editors/opencode.ts";

const endpoint = { base: "http://127.0.0.1:11434", key: "KEY", model: "cursor-agent" };

function roundTrip(editor: FileEditor, text: string): void {
  const { format } = editor;
  const entries = editor.entries(endpoint);
  const paths = entries.map(({ path }) => path);
  const before = format.read(text);
  const left = format.remove(format.edit(text, entries), paths, {
    original: text,
    isOurs: () => true,
  });
  expect(format.read(left)).toEqual(before);
}

const name = fc.string({ minLength: 1, maxLength: 8 }).filter((key) => key !== "__proto__");
const json = fc
  .jsonValue({ maxDepth: 2 })
  .filter((value) => !JSON.stringify(value).includes("__proto__"));
const table = fc.dictionary(name, json, { maxKeys: 4 });

test("JSON, in any layout", () => {
  const files = fc.record(
    { env: table, provider: table, other: table, note: json },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(files, fc.constantFrom(0, 1, 2, 4, "\t"), (file, indent) => {
      const text = JSON.stringify(file, null, indent);
      roundTrip(claudeCode, text);
      roundTrip(opencode, text);
    }),
    { numRuns: 200 },
  );
});

test("YAML, in any layout: the same again, or refused", () => {
  const model = fc.record({ name: fc.string({ maxLength: 12 }), options: table });
  const files = fc.record(
    { name: fc.string({ maxLength: 12 }), models: fc.array(model, { maxLength: 3 }), rules: json },
    { requiredKeys: [] },
  );
  let changed = 0;
  fc.assert(
    fc.property(files, fc.constantFrom(2, 4), fc.boolean(), (file, indent, indentSeq) => {
      try {
        roundTrip(continueEditor, stringify(file, { indent, indentSeq }));
        changed += 1;
      } catch (error) {
        if (!(error instanceof SettingsError)) throw error;
      }
    }),
    { numRuns: 200 },
  );
  expect(changed).toBeGreaterThan(150);
});

// The model list of `cursor-agent --list-models`, which is text for people. Pure: whatever cannot be read is left out.

import type { Model } from "../../core/model.ts";

/** What every plan has: Cursor picks the model. */
export const AUTO_MODEL = "auto";

const MAX_MODELS = 200;
/** `gpt-5.2`, `claude-4.5-sonnet[effort=high]`: a name in one word, as `--model` takes it. */
const NAME = /^[A-Za-z0-9][\w.:/@+[\]=,-]{0,99}$/;
// oxlint-disable-next-line no-control-regex -- terminal colours are control characters
const COLOURS = /\u001b\[[0-9;?]*[A-Za-z]/g;

/**
 * Both forms are understood: one model a line (`name - Label (current)`, with or without a bullet) and one list
 * (`Available models: a, b, c`). `auto` is always first.
 */
export function parseCursorModels(output: string): readonly Model[] {
  const models = new Map<string, Model>([[AUTO_MODEL, cursorModel(AUTO_MODEL, "Auto")]]);
  for (const line of output.replaceAll(COLOURS, "").split(/\r?\n/)) {
    for (const { id, label } of entriesOf(line.trim())) {
      if (models.size >= MAX_MODELS) return [...models.values()];
      if (!models.has(id)) models.set(id, cursorModel(id, label));
    }
  }
  return [...models.values()];
}

interface Entry {
  readonly id: string;
  readonly label: string | undefined;
}

function entriesOf(line: string): readonly Entry[] {
  const list = /^available models:\s*(\S.*)$/i.exec(line)?.[1];
  if (list !== undefined) {
    const names = list.split(",").map((name) => name.trim());
    return names.filter((name) => NAME.test(name)).map((id) => ({ id, label: undefined }));
  }
  const text = line.replace(/^[-*•>]\s+/, "").replaceAll(/\s*\((?:current|default)[^)]*\)/gi, "");
  const [, id = "", label] = /^(\S+)(?:\s+[-–—:]\s+(\S.*))?$/.exec(text) ?? [];
  // A heading, or a word of a sentence.
  if (!NAME.test(id) || id.endsWith(":")) return [];
  return [{ id, label: label?.trim() }];
}

/** The editor's tools ride on the prompt, so every model has them. */
export function cursorModel(id: string, label?: string): Model {
  return {
    id,
    ...(label !== undefined && label !== id && { label }),
    capabilities: ["completion", "tools", "thinking"],
  };
}

// The settings of the audit: a part of the schema.

import { Type } from "@sinclair/typebox";

import { closed, flag, nullable, whole } from "./builders.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

export const audit = closed(
  {
    enabled: flag("Keeps the audit. Without it nothing says afterwards who asked for what.", true),
    file: nullable(
      Type.String({ pattern: "^(/|[A-Za-z]:[/\\\\])", expects: "an absolute path" }),
      "Where it is kept; a `mlp bridge` puts `-bridge` before the ending. null: audit.jsonl in the state folder.",
    ),
    rotate_bytes: whole("Size in bytes at which a new file is begun.", 64 * MEBIBYTE, [
      64 * KIBIBYTE,
      1024 * MEBIBYTE,
    ]),
    keep: whole("Older files that are kept; 0 keeps all of them.", 10, [0, 100_000]),
  },
  "Who asked for what, and how it ended: a chain of records that `mlp audit verify` checks.",
);

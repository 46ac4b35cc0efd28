// What the command parser says, in this program's words: each complaint is one line that says what to do.

import { ArgumentScannerError, formatMessageForArgumentScannerError, text_en } from "@stricli/core";

import { suggestion } from "../config/suggest.ts";
import { visible } from "../observe/visible.ts";
import { failureText } from "./failure.ts";

export function createTexts(): typeof text_en {
  return {
    ...text_en,
    exceptionWhileParsingArguments: (error) => `mlp: ${visible(complaintOf(error))}`,
    exceptionWhileRunningCommand: failureText,
    exceptionWhileLoadingCommandFunction: failureText,
    noCommandRegisteredForInput: ({ input, corrections }) => {
      const meant = suggestion(
        input,
        corrections.map((name) => name.replaceAll("`", "")),
      );
      return `mlp: no command \`${visible(input)}\`${meant === "" ? ", mlp --help lists them" : meant}`;
    },
  };
}

function complaintOf(error: unknown): string {
  if (!(error instanceof ArgumentScannerError)) {
    return error instanceof Error ? error.message : String(error);
  }
  return formatMessageForArgumentScannerError(error, {
    FlagNotFoundError: ({ input, corrections }) => {
      const meant = suggestion(
        `--${input}`,
        corrections.map((name) => `--${name}`),
      );
      return `no flag --${input}${meant === "" ? "; --help lists them" : meant}`;
    },
    AliasNotFoundError: ({ input }) => `no flag -${input}; --help lists them`,
    // All arguments are text: what is parsed is the value of a flag.
    ArgumentParseError: ({ externalFlagNameOrPlaceholder: flag, input, exception }) => {
      const why = exception instanceof Error ? exception.message : String(exception);
      const expected = why.startsWith("expected") ? why : "expected true or false";
      return `--${flag}: ${expected}, got "${input}"`;
    },
    UnsatisfiedFlagError: ({ externalFlagName: flag }) => `--${flag} needs a value`,
    UnexpectedFlagError: ({ externalFlagName: flag, previousInput, input }) =>
      `--${flag} is given twice: "${previousInput}" and "${input}"`,
    UnexpectedPositionalError: ({ input }) => `unexpected argument "${input}"; --help lists them`,
    UnsatisfiedPositionalError: ({ placeholder }) =>
      `the argument <${placeholder}> is missing; --help says what it is`,
  });
}

// The variable by which processes of a test run are known: to be handed on where a test makes an environment of its own.

export const LEFTOVERS_MARK = "TEST_RUN_MARK";

export function leftoversMark(): Readonly<Record<string, string>> {
  const mark = process.env[LEFTOVERS_MARK];
  return mark === undefined ? {} : { [LEFTOVERS_MARK]: mark };
}

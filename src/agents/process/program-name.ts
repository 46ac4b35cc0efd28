// What people call a command: its program, without the folder and without the ending that Windows wants. Pure.

export function programName(command: readonly string[]): string {
  const file = command[0]?.split(/[/\\]/).at(-1) ?? "";
  return file.replace(/\.(?:exe|cmd|bat)$/i, "") || "agent";
}

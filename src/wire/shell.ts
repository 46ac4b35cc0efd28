// A word of a command line, for people to paste. Knows no command, and no shell but those that read quotes as POSIX does.

/** As it stands where nothing in it has a meaning of its own, in single quotes elsewhere. */
export function shellQuoted(text: string): string {
  return /^[\w/.:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Makes a forgotten case of a union a type error, and a loud failure should one arrive from outside. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}

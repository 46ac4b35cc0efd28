// What the tests of the framings share.

/** The bytes in pieces, cut at any positions (taken modulo the length; doubles and ends give empty pieces). */
export function cutAt(bytes: Uint8Array, positions: readonly number[]): Uint8Array[] {
  const sorted = positions.map((position) => position % (bytes.length + 1)).sort((a, b) => a - b);
  const starts = [0, ...sorted];
  return starts.map((start, index) => bytes.subarray(start, starts[index + 1] ?? bytes.length));
}

export function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return undefined;
}

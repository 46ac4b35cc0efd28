// A process that writes to a store and says after each write that it is done, until somebody kills it.
// Arguments: the path of the store.

import { openSqliteStore } from "../../src/store/sqlite.ts";
import { aStoredSession } from "../contract/store-contract.ts";

const path = process.argv[2];
if (path === undefined) throw new Error("the path of the store is missing");
const { sessions } = openSqliteStore(path);
for (let index = 0; ; index += 1) {
  const sessionId = `session_${index}`;
  await sessions.save(aStoredSession({ sessionId, createdAt: index }));
  await sessions.count(sessionId, index, 1, 1);
  process.stdout.write(`${index}\n`);
  // Lets the pipe take what was said before the next write.
  await new Promise((resolve) => setImmediate(resolve));
}

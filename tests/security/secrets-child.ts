// A process that loads the secrets of a folder and prints the client key. Argument: the folder.

import { loadSecrets } from "../../src/security/secrets.ts";

const dir = process.argv[2];
if (dir === undefined) throw new Error("the folder is missing");
process.stdout.write(loadSecrets({ dir, env: {} }).apiKey.value);

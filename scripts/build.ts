// Builds dist/mlp: one executable with everything in it. Bytecode halves the time to the first answer; names are
// kept and a source map goes in, so that stack traces can be read; nothing is loaded from the working folder.

import { $ } from "bun";

const outfile = Bun.argv[2] ?? "dist/mlp";

await $`bun build src/main.ts --compile --outfile ${outfile} --target bun --format esm --bytecode --minify-whitespace --minify-syntax --sourcemap --no-compile-autoload-dotenv --no-compile-autoload-bunfig`;

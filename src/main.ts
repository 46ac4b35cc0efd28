#!/usr/bin/env bun
// argv → command → exit code. The only file that ends the process.

import { runProgram } from "./cli/program.ts";

process.exit(await runProgram(process.argv.slice(2)));

// The contract of an agent, kept by the `cursor` connector with a process at its other end: a stand-in for Cursor's.

import { agentContract } from "../../contract/agent-contract.ts";
import { cursorHarness } from "./harness.ts";

agentContract("Cursor in ACP mode", cursorHarness("acp"));
agentContract("Cursor in print mode", cursorHarness("print"));

// `mlp connect`: points an editor at the server. Writes the editor's settings where they are in a file, after showing
// what would change and asking; prints the steps where they are not.

import { isDeepStrictEqual } from "node:util";

import { shellQuoted } from "../wire/shell.ts";
import type { CliContext } from "./context.ts";
import { planOf } from "./connect-plan.ts";
import type { Plan, PlanParts, Target } from "./connect-plan.ts";
import { digest, digestsOf, openConnections } from "./connections.ts";
import { makeEditorKey, revokeEditorKey } from "./editor-key.ts";
import type { Editor, FileEditor, Place, StepsEditor } from "./editors/editor.ts";
import { findEditor } from "./editors/list.ts";
import { CommandError, UsageError } from "./failure.ts";
import { findServer, NoServerError } from "./find-server.ts";
import type { ClientFlags } from "./flags.ts";
import { connectApi, contextLengthOf } from "./models.ts";
import { exists, isOpenToOthers, readSettings, writeSettings } from "./settings-file.ts";
import { describeChange, isAgreed, MASK } from "./show-change.ts";

export interface ConnectFlags extends ClientFlags {
  readonly yes: boolean;
  readonly print: boolean;
  readonly model?: string;
}

/** Where a server is that was started with nothing said. */
const DEFAULT_BASE = "http://127.0.0.1:11434";
const NO_KEY = "<key>";

export async function connectEditor(
  context: CliContext,
  flags: ConnectFlags,
  name: string,
): Promise<void> {
  const editor = findEditor(name);
  const model = modelOf(editor, flags);
  const tokens = await contextOf(context, flags, model);
  const target = {
    base: findBase(context, flags),
    model,
    ...(tokens !== undefined && { contextTokens: tokens }),
  };
  if (editor.kind === "file") await connectFile(context, flags, { editor, ...target });
  else await connectBySteps(context, flags, { editor, ...target });
}

function findBase(context: CliContext, { url }: ConnectFlags): string {
  try {
    return findServer("api", url, context);
  } catch (error) {
    if (error instanceof NoServerError) return DEFAULT_BASE;
    throw error;
  }
}

/** Tokens that the running server says of the model; `undefined` where there is none, or none that says it. */
async function contextOf(
  context: CliContext,
  { url }: ConnectFlags,
  model: string,
): Promise<number | undefined> {
  try {
    return await contextLengthOf(connectApi(url, context), model);
  } catch (error) {
    if (error instanceof CommandError) return undefined;
    throw error;
  }
}

function modelOf(editor: Editor, { model }: ConnectFlags): string {
  if (model === undefined) return editor.model;
  if (/^[\w.:/@+-]{1,200}$/.test(model)) return model;
  throw new UsageError("--model: expected the name of a model, such as cursor-agent");
}

function placeOf({ env, home, platform }: CliContext): Place {
  return { env, home, platform };
}

async function connectBySteps(
  context: CliContext,
  flags: ConnectFlags,
  { editor, ...target }: Target<StepsEditor>,
): Promise<void> {
  const { base, model } = target;
  const connections = openConnections(context);
  const known = connections.find(editor.name);
  const stepsWith = (key: string): string =>
    `${editor.steps({ ...target, key }, placeOf(context)).join("\n")}\n`;
  if (flags.print || known !== undefined) {
    context.io.output.write(stepsWith(NO_KEY));
    context.io.errors.write(
      known === undefined
        ? `${NO_KEY} stands for a client key: without --print one is made.\n`
        : `${NO_KEY} stands for the key that it has. For another: mlp disconnect ${editor.name} --yes\n`,
    );
    return;
  }
  const key = await makeEditorKey(context, flags.url, editor.name);
  try {
    const steps = stepsWith(key.secret);
    connections.save({ editor: editor.name, base, model, key_id: key.id, file: null }, undefined);
    context.io.output.write(steps);
  } catch (error) {
    await revokeEditorKey(context, flags.url, key.id);
    throw error;
  }
}

async function connectFile(
  context: CliContext,
  flags: ConnectFlags,
  target: Target<FileEditor>,
): Promise<void> {
  const { io } = context;
  const { editor, ...endpoint } = target;
  const connections = openConnections(context);
  const known = connections.find(editor.name);
  const path = known?.file?.path ?? findFile(editor, placeOf(context));
  const file = readSettings(path);
  const plan = planOf(path, { target, file, known, connections });
  if (known !== undefined && plan.isDone) {
    io.output.write(`${editor.title} is connected already: ${path}\n`);
    return;
  }
  const shown = plan.edit({ ...endpoint, key: MASK });
  io.output.write(describeChange({ path, before: plan.now, after: shown, secrets: plan.secrets }));
  if (flags.print) return;
  if (!(await isAgreed(context, flags, `mlp connect ${editor.name}`))) {
    throw new CommandError("nothing was changed");
  }
  await write(context, flags, { target, path, file, known, plan, connections });
  io.output.write(`${editor.title} is connected: ${path}\n${editor.next}\n`);
  if (file !== undefined && isOpenToOthers(file)) {
    io.errors.write(`Other users may read the key in it; run: chmod 600 ${shellQuoted(path)}\n`);
  }
}

interface Agreed extends PlanParts {
  readonly path: string;
  readonly plan: Plan;
}

/** Whatever fails, the key ends and the record is as it was. */
async function write(context: CliContext, flags: ConnectFlags, agreed: Agreed): Promise<void> {
  const { target, path, file, known, plan, connections } = agreed;
  const { editor, ...server } = target;
  const { base, model } = server;
  // It has been shown and thought over since.
  if (!isDeepStrictEqual(connections.find(editor.name), known)) {
    throw new CommandError(`${editor.title} has just been connected by somebody else; try again`);
  }
  const key = await makeEditorKey(context, flags.url, editor.name);
  const endpoint = { ...server, key: key.secret };
  const earlier = connections.backup(editor.name);
  try {
    const content = new TextEncoder().encode(plan.edit(endpoint));
    const written = {
      path,
      is_new: plan.original.isNew,
      written: digest(content),
      entries: digestsOf(editor.entries(endpoint)),
    };
    // Before the file: what is written can be undone whatever happens next.
    connections.save(
      { editor: editor.name, base, model, key_id: key.id, file: written },
      plan.original.bytes,
    );
    writeSettings(path, file, content);
  } catch (error) {
    if (known === undefined) connections.forget(editor.name);
    else connections.save(known, earlier);
    await revokeEditorKey(context, flags.url, key.id);
    throw error;
  }
  if (known !== undefined) await revokeEditorKey(context, flags.url, known.key_id);
}

/** The first of the editor's files that is there, or the one to make. */
function findFile(editor: FileEditor, place: Place): string {
  const candidates = editor.locate(place);
  const found = candidates.find(exists);
  if (found !== undefined) return found;
  const older = editor.olderFiles?.(place).find(exists);
  if (older !== undefined) {
    throw new CommandError(
      `${older} would not count any more beside a new file; move it to the new format first`,
    );
  }
  const [first] = candidates;
  if (first === undefined) throw new CommandError(`${editor.title} has no settings file here`);
  return first;
}

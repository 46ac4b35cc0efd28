// The image of the Dockerfile on bases that are made here: no registry of images is asked. The packages come through
// the ordinary clients.

import assert from "node:assert/strict";
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./tools.ts";
import type { Tools } from "./tools.ts";

export const IMAGE = "localhost/mlp";
const DOCKERFILE = readFileSync(join(ROOT, "Dockerfile"), "utf8");
const AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt";

/** The default of an argument of the Dockerfile. */
export function argumentOf(name: string): string {
  const value = new RegExp(`^ARG ${name}=(\\S+)$`, "m").exec(DOCKERFILE)?.[1];
  assert(value !== undefined, `the Dockerfile has no argument ${name}`);
  return value;
}

/** Nothing of the machine's own images, containers and volumes is seen or changed. Goes with the two variables below. */
export async function configureTools(folder: string): Promise<void> {
  const at = (name: string): string => JSON.stringify(join(folder, name));
  const files = configurationOf(folder);
  await Bun.write(
    files.CONTAINERS_STORAGE_CONF,
    `[storage]\ndriver = "vfs"\ngraphroot = ${at("store")}\nrunroot = ${at("run")}\n`,
  );
  await Bun.write(
    files.CONTAINERS_CONF,
    `[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
log_driver = "k8s-file"
[engine]
runtime = "crun"
cgroup_manager = "cgroupfs"
events_logger = "none"
lock_type = "file"
tmp_dir = ${at("tmp")}
volume_path = ${at("volumes")}
`,
  );
}

export const configurationOf = (folder: string) => ({
  CONTAINERS_CONF: join(folder, "containers.conf"),
  CONTAINERS_STORAGE_CONF: join(folder, "storage.conf"),
});

/** A plain Debian of the Dockerfile's suite, and the same with the Bun that runs this. */
export async function makeBases({ must }: Tools, folder: string): Promise<void> {
  const suite = /\/debian:([a-z]+)-slim$/.exec(argumentOf("RUNTIME_IMAGE"))?.[1];
  assert(suite !== undefined, "the Dockerfile names no suite of Debian");
  const base = join(folder, "base");
  await must("debootstrap", "--variant=minbase", suite, base);
  const container = await must("buildah", "from", "scratch");
  await must("buildah", "add", "--quiet", container, base, "/");
  await must("buildah", "commit", "--quiet", container, "localhost/base-runtime");
  await must("buildah", "copy", "--quiet", container, process.execPath, "/usr/local/bin/bun");
  // The project's packages come through the same authorities as on this machine.
  if (existsSync(AUTHORITIES)) {
    await must("buildah", "copy", "--quiet", container, AUTHORITIES, AUTHORITIES);
    await must("buildah", "config", "--env", `NODE_EXTRA_CA_CERTS=${AUTHORITIES}`, container);
  }
  await must("buildah", "commit", "--quiet", container, "localhost/base-build");
  await must("buildah", "rm", container);
  rmSync(base, { recursive: true });
}

/** `labels`: the arguments that end as labels. */
export async function buildImage(
  { must }: Tools,
  labels: Readonly<Record<string, string>>,
): Promise<void> {
  const bases = { BUILD_IMAGE: "localhost/base-build", RUNTIME_IMAGE: "localhost/base-runtime" };
  const given = Object.entries({ ...bases, ...labels });
  const flags = given.flatMap(([name, value]) => ["--build-arg", `${name}=${value}`]);
  // HEALTHCHECK is no part of the OCI format.
  const how = ["--isolation", "chroot", "--format", "docker", "--pull-never"];
  await must("buildah", "build", ...how, ...flags, "--tag", IMAGE, ".");
}

interface Entry {
  /** Without the slash in front. */
  readonly path: string;
  readonly isFolder: boolean;
  readonly mode: number;
  readonly owner: string;
  readonly bytes: number;
}

/** Everything below a folder; links are not followed. */
export function entriesIn(folder: string): readonly Entry[] {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((path) => ({ path, stats: lstatSync(join(folder, path)) }))
    .map(({ path, stats }) => ({
      path,
      isFolder: stats.isDirectory(),
      mode: stats.mode & 0o7777,
      owner: `${stats.uid}:${stats.gid}`,
      bytes: stats.isDirectory() ? 0 : stats.size,
    }))
    .toSorted((one, other) => (one.path < other.path ? -1 : 1));
}

/** What the image has in it. */
export async function readImage({ must }: Tools): Promise<readonly Entry[]> {
  const container = await must("buildah", "from", "--pull-never", IMAGE);
  const entries = entriesIn(await must("buildah", "mount", container));
  await must("buildah", "rm", container);
  return entries;
}

/** Bytes that travel when the image is pulled: its layers as a registry keeps them. */
export async function bytesToPull({ must }: Tools, folder: string): Promise<number> {
  const layout = join(folder, "layout");
  await must("buildah", "push", "--quiet", "--format", "oci", IMAGE, `oci:${layout}:it`);
  const index = await Bun.file(join(layout, "index.json")).json();
  const digest: string = index.manifests[0].digest;
  const manifest = await Bun.file(join(layout, "blobs", digest.replace(":", "/"))).json();
  const layers: readonly { readonly size: number }[] = manifest.layers;
  rmSync(layout, { recursive: true });
  return layers.reduce((sum, { size }) => sum + size, 0);
}

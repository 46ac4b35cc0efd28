import { describe, expect, test } from "bun:test";

import { findPaths } from "../../src/config/paths.ts";

const linux = { platform: "linux", home: "/home/a" } as const;

describe("paths", () => {
  test("MLP_HOME holds everything", () => {
    const env = { MLP_HOME: "/srv/mlp", XDG_CONFIG_HOME: "/x", XDG_RUNTIME_DIR: "/y" };
    expect(findPaths({ ...linux, env })).toEqual({
      configFile: "/srv/mlp/config.yaml",
      state: "/srv/mlp",
      database: "/srv/mlp/mlp.db",
      run: "/srv/mlp/run",
      secrets: "/srv/mlp/secrets",
    });
  });

  test("MLP_HOME has to be absolute, so that the working folder never counts", () => {
    expect(() => findPaths({ ...linux, env: { MLP_HOME: "here" } })).toThrow(
      "MLP_HOME: expected an absolute path",
    );
  });

  test("XDG places count otherwise", () => {
    const env = { XDG_CONFIG_HOME: "/c", XDG_STATE_HOME: "/s", XDG_RUNTIME_DIR: "/r" };
    expect(findPaths({ ...linux, env })).toEqual({
      configFile: "/c/mlp/config.yaml",
      state: "/s/mlp",
      database: "/s/mlp/mlp.db",
      run: "/r/mlp",
      secrets: "/s/mlp/secrets",
    });
  });

  test("without them, or when they are relative, the specification's defaults do", () => {
    const expected = {
      configFile: "/home/a/.config/mlp/config.yaml",
      state: "/home/a/.local/state/mlp",
      database: "/home/a/.local/state/mlp/mlp.db",
      run: "/home/a/.local/state/mlp/run",
      secrets: "/home/a/.local/state/mlp/secrets",
    };
    expect(findPaths({ ...linux, env: {} })).toEqual(expected);
    const env = { XDG_CONFIG_HOME: "c", XDG_STATE_HOME: "", XDG_RUNTIME_DIR: "./r", MLP_HOME: "" };
    expect(findPaths({ ...linux, env })).toEqual(expected);
  });

  test("macOS and Windows have their own", () => {
    const mac = findPaths({ platform: "darwin", home: "/Users/a", env: {} });
    expect(mac.configFile).toBe("/Users/a/Library/Application Support/mlp/config.yaml");
    const windows = findPaths({
      platform: "win32",
      home: "C:\\Users\\a",
      env: { APPDATA: "C:\\Users\\a\\AppData\\Roaming", LOCALAPPDATA: "D:\\Local" },
    });
    expect(windows.configFile).toBe("C:\\Users\\a\\AppData\\Roaming\\mlp\\config.yaml");
    expect(windows.secrets).toBe("D:\\Local\\mlp\\secrets");
  });
});

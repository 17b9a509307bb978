// @ts-check
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const STATIC = new URL("../../static/", import.meta.url);
/** Each may use its own folder and what stands before it. */
const ORDER = ["model", "net", "room", "view", "pages"];
/** Of npm, which the bundler finds. */
const PACKAGES = ["htm/preact/standalone"];
const IMPORT = /^(?:import|export)\s[^;]*?from\s*"([^"]+)"/gms;

test("every module uses only what stands below it, and knows no other site", () => {
  let seen = 0;
  for (const [level, folder] of ORDER.entries()) {
    for (const name of readdirSync(new URL(`${folder}/`, STATIC))) {
      if (!name.endsWith(".js")) continue;
      const at = new URL(`${folder}/${name}`, STATIC);
      for (const [, path = ""] of readFileSync(at, "utf8").matchAll(IMPORT)) {
        seen += 1;
        if (PACKAGES.includes(path)) continue;
        assert.match(path, /^\.\.?\//, `${folder}/${name} imports ${path}`);
        const other = new URL(path, at).pathname.slice(STATIC.pathname.length).split("/")[0] ?? "";
        assert.ok(ORDER.includes(other), `${folder}/${name} imports ${path}`);
        assert.ok(ORDER.indexOf(other) <= level, `${folder}/${name} imports ${path}, which stands above it`);
      }
    }
  }
  assert.ok(seen > 50);
});

test("nothing lies loose beside the folders but the icon", () => {
  const loose = readdirSync(STATIC).filter((name) => name.includes("."));
  assert.deepEqual(loose, ["icon.svg"]);
});

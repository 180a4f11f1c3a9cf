// The README names every directive and failure there is: an undocumented one might as well not exist.
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { FAILURES } from "../../src/upstream/sandbox/failures.ts";
import { DIRECTIVES } from "../../src/upstream/sandbox/script.ts";

const text = readFileSync(`${import.meta.dir}/../../src/upstream/sandbox/README.md`, "utf8");

test.each([...DIRECTIVES, ...FAILURES])("%s is documented", (name) => {
  expect(text).toMatch(new RegExp(`\`${name}[\` ]`));
});

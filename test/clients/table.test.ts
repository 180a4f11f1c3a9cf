// The README's table must not show as working what failed or never ran.
import { expect, test } from "bun:test";
import { tableOf } from "./table.ts";

const one = (ability: string, wire: string, body = " />") =>
  `<testcase name="${ability}: works" classname="Some &amp; CLI on the ${wire} wire" time="1" file="a.test.ts"${body}\n`;
const cells = (report: string) => tableOf(report).split("\n").at(-1);
const failed = '><failure type="AssertionError" /></testcase>';

test("a cell names the wires that passed", () => {
  expect(cells(one("text", "responses") + one("text", "chat"))).toBe("| Some & CLI | both |");
  expect(cells(one("text", "responses") + one("tools", "chat"))).toBe("| Some & CLI | responses | chat |");
});

test("one failure spoils its cell, before and after a success", () => {
  expect(cells(one("text", "chat", failed) + one("text", "responses"))).toBe("| Some & CLI | fails |");
  expect(cells(one("text", "responses") + one("text", "chat", failed))).toBe("| Some & CLI | fails |");
});

test("a skipped test shows nothing", () => {
  const skipped = "><skipped /></testcase>";
  expect(cells(one("text", "responses") + one("text", "chat", skipped))).toBe("| Some & CLI | responses |");
});

test("an ability that no column holds, and a report without clients, are refused", () => {
  expect(() => tableOf(one("juggling", "chat"))).toThrow(/juggling is none of text, stream/);
  expect(() => tableOf("<testsuites />")).toThrow(/no test of a client/);
});

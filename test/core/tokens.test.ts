// Counting must hold nobody up, whatever is counted.
import { expect, test } from "bun:test";
import { countTokens } from "../../src/core/tokens.ts";

const counted = (text: string) => countTokens({ model: "", input: [{ type: "message", role: "user", content: text }] });

/** How often others had their turn while the work was done. */
async function turnsDuring(work: () => Promise<unknown>): Promise<number> {
  let turns = 0;
  let over = false;
  const turn = () => {
    turns++;
    if (!over) setImmediate(turn);
  };
  setImmediate(turn);
  await work();
  over = true;
  return turns;
}

test("a long text without spaces is counted in many short steps, not in one that stops every stream", async () => {
  await counted("the vocabulary is loaded");
  // No run of it twice: the tokenizer remembers what it has merged.
  const letter = () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000));
  const text = Array.from({ length: 20_000 }, letter).join("");
  expect(await turnsDuring(() => counted(text))).toBeGreaterThan(5);
});

test("cutting a text into steps changes its count by less than one per cent", async () => {
  const words = "The quick brown fox jumps over the lazy dog. ";
  const uncut = (await counted(words.repeat(50))) - (await counted(""));
  const cut = (await counted(words.repeat(2000))) - (await counted(""));
  expect(Math.abs(cut / (uncut * 40) - 1)).toBeLessThan(0.01);
});

// Counting must hold nobody up, whatever is counted.
import { expect, test } from "bun:test";
import { countTokens } from "../../src/core/tokens.ts";

const counted = (text: string) => countTokens({ model: "", input: [{ type: "message", role: "user", content: text }] });

async function longestPause(work: () => Promise<unknown>): Promise<{ longest: number; whole: number }> {
  let [longest, last] = [0, performance.now()];
  const beat = setInterval(() => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  }, 1);
  const began = performance.now();
  await work();
  clearInterval(beat);
  return { longest, whole: performance.now() - began };
}

test("a long text without spaces is counted in many short steps, not in one that stops every stream", async () => {
  await counted("the vocabulary is loaded");
  // No run of it twice: the tokenizer remembers what it has merged.
  const letter = () => String.fromCharCode(0x4e00 + Math.floor(Math.random() * 20_000));
  const shares: number[] = [];
  for (let n = 0; n < 3; n++) {
    const text = Array.from({ length: 6_000 }, letter).join("");
    const { longest, whole } = await longestPause(() => counted(text));
    shares.push(longest / whole);
  }
  expect(Math.min(...shares)).toBeLessThan(0.25);
});

test("cutting a text into steps changes its count by less than one per cent", async () => {
  const words = "The quick brown fox jumps over the lazy dog. ";
  const uncut = (await counted(words.repeat(50))) - (await counted(""));
  const cut = (await counted(words.repeat(2000))) - (await counted(""));
  expect(Math.abs(cut / (uncut * 40) - 1)).toBeLessThan(0.01);
});

// Patterns as the configuration writes them: plain text in which `*` stands for any run of characters.

const made = new Map<string, RegExp>();
/** Patterns come from configurations and licences, so they are few; a table that outgrew this held something else. */
const MOST = 1000;

/** Whether `text` fits `pattern`, from its first to its last character; `*` matches any run, also an empty one. */
export function matchesGlob(pattern: string, text: string): boolean {
  if (!pattern.includes("*")) return pattern === text;
  let regexp = made.get(pattern);
  if (!regexp) {
    regexp = new RegExp(`^${pattern.split("*").map(RegExp.escape).join(".*")}$`, "s");
    if (made.size >= MOST) made.clear();
    made.set(pattern, regexp);
  }
  return regexp.test(text);
}

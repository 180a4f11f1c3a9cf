// Patterns as the configuration writes them: plain text in which `*` stands for any run of characters.

/**
 * Whether `text` fits `pattern`, from its first to its last character; `*` matches any run, also an empty one. The first place
 * of each part is as good as any later one, so it takes one walk through the text: prompts of megabytes are matched too.
 */
export function matchesGlob(pattern: string, text: string): boolean {
  const [first = "", ...parts] = pattern.split("*");
  const last = parts.pop();
  if (last === undefined) return pattern === text;
  if (!text.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts) {
    const found = text.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return text.length - last.length >= at && text.endsWith(last);
}

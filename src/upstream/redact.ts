// Takes credentials out of texts that an upstream echoed, before anybody reads them.

const SHAPES = [
  /\beyJ[\w-]{6,}\.[\w-]+\.[\w-]*/g,
  /\b(?:sk|rt|at|pk|rk)[-_][\w*-]{12,}/g,
  /\b(?:bearer|basic)\s+[\w.~+/*-]{8,}=*/gi,
];

/** The text without the given secrets and without anything that has the shape of one. */
export function redacted(text: string, secrets: readonly string[] = []): string {
  let clean = text;
  for (const secret of secrets) if (secret.length >= 4) clean = clean.replaceAll(secret, "[secret]");
  for (const shape of SHAPES) clean = clean.replaceAll(shape, "[secret]");
  return clean;
}

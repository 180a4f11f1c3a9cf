// Durations and sizes as people write them (`10s`, `32MiB`), and back.

const MS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const BYTES = { B: 1, kB: 1e3, KB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 } as const;

export const DURATION_PATTERN = "^(0|([0-9]+(\\.[0-9]+)?(ms|s|m|h|d))+)$";
export const SIZE_PATTERN = "^[0-9]+(\\.[0-9]+)?(B|[kK]B|[MG]B|[KMG]iB)$";

/** Milliseconds of `500ms`, `10s`, `5m`, `1h30m`, `30d` or a plain `0`; undefined for anything else. */
export function parseDuration(value: unknown): number | undefined {
  if (value === 0) return 0;
  if (typeof value !== "string" || !new RegExp(DURATION_PATTERN).test(value)) return undefined;
  let total = 0;
  for (const [, amount, unit] of value.matchAll(/([0-9.]+)(ms|s|m|h|d)/g)) {
    total += Number(amount) * MS[unit as keyof typeof MS];
  }
  return Math.round(total);
}

/** Bytes of `32MiB`, `10MB`, `512KiB`, or of a plain whole number; undefined for anything else. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === "number") return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== "string") return undefined;
  if (/^[0-9]+$/.test(value)) return Number(value);
  if (!new RegExp(SIZE_PATTERN).test(value)) return undefined;
  const unit = value.replace(/^[0-9.]+/, "") as keyof typeof BYTES;
  return Math.round(Number.parseFloat(value) * BYTES[unit]);
}

/** The shortest exact way to write milliseconds. */
export function formatDuration(ms: number): string | 0 {
  if (ms === 0) return 0;
  for (const unit of ["d", "h", "m", "s"] as const) {
    // Minutes and up only when they read better than seconds do: 300s is how the manual writes it.
    if (ms % MS[unit] === 0 && (unit === "s" || ms / MS[unit] >= 10)) return `${ms / MS[unit]}${unit}`;
  }
  return `${ms}ms`;
}

/** The shortest exact way to write bytes. */
export function formatSize(bytes: number): string {
  for (const unit of ["GiB", "MiB", "KiB"] as const) {
    if (bytes > 0 && bytes % BYTES[unit] === 0) return `${bytes / BYTES[unit]}${unit}`;
  }
  return `${bytes}B`;
}

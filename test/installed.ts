// Programs that some tests want and a machine may lack. The gate installs them: there what is missing fails instead of skipping in silence.

const told = new Set<string>();

/** Whether this program is there: true for a path, false with the reason printed once, and an error in the gate. */
export function installed(what: string, path: string | null | undefined): path is string {
  if (path) return true;
  const reason = `no ${what} on this machine`;
  if (process.env.CI === "true") throw new Error(`${reason}, which CI=true asks for`);
  if (!told.has(what)) console.warn(`tests with ${what} are skipped: ${reason}`);
  told.add(what);
  return false;
}

// Opens an address in the person's browser, where there is one to open.

/** False when nothing was opened: over ssh, without a display, or where no program is known. */
export function openBrowser(url: string, env: NodeJS.ProcessEnv = process.env): boolean {
  const command = browserCommand(env, process.platform, process.stderr.isTTY === true);
  if (!command) return false;
  try {
    const child = Bun.spawn([...command, url], { stdin: "ignore", stdout: "ignore", stderr: "ignore", env });
    child.unref();
    return true;
  } catch {
    return false;
  }
}

/** What opens an address here. */
export function browserCommand(
  env: NodeJS.ProcessEnv,
  platform: NodeJS.Platform,
  isTerminal: boolean,
): string[] | undefined {
  // A browser over there would open on a screen that nobody sees.
  if (env.SSH_CONNECTION || env.SSH_CLIENT || env.SSH_TTY) return undefined;
  const own = env.BROWSER?.split(":")[0]?.trim();
  if (own === "none" || own === "false") return undefined;
  if (own) return own.split(/\s+/).filter((part) => part !== "%s");
  // A script that runs this did not ask for windows.
  if (!isTerminal) return undefined;
  if (platform === "darwin") return ["open"];
  if (platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  return env.DISPLAY || env.WAYLAND_DISPLAY ? ["xdg-open"] : undefined;
}

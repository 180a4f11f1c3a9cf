// `codexd plugins new`: writes the folder of a plugin that runs, with a test that passes.

import { relative, resolve } from "node:path";
import { scaffold } from "../../kit/scaffold.ts";

export async function newPlugin(name: string): Promise<void> {
  const folder = resolve(name);
  await scaffold(folder, name);
  const shown = relative(process.cwd(), folder);
  process.stdout.write(
    [
      `${shown}: written. Next:`,
      "",
      `  cd ${shown}`,
      "  codexd plugins test .        # the contract in every dialect, and index.test.ts",
      "  codexd serve --sandbox       # codexd.yaml here has the plugin in its chain",
      "",
      "",
    ].join("\n"),
  );
}

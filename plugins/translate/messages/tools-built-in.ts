// Tools that Anthropic declares by type alone and the client runs itself: their functions, spelt out for a model that was not trained on them.

import type { Tool } from "codexd/plugin";

type Properties = Record<string, Record<string, unknown>>;

const text = (description: string) => ({ type: "string", description });
const whole = (description: string) => ({ type: "integer", description });
const one = (values: readonly string[], description: string) => ({ type: "string", enum: values, description });
const pair = (description: string) => ({
  type: "array",
  items: { type: "integer" },
  minItems: 2,
  maxItems: 2,
  description,
});

const BASH: Properties = {
  command: text("The shell command to run. Needed unless the session is restarted."),
  restart: { type: "boolean", description: "True starts the session anew." },
};

function editor(commands: readonly string[]): Properties {
  return {
    command: one(commands, "What to do."),
    path: text("Absolute path of the file or directory."),
    file_text: text("For `create`: the content of the new file."),
    old_str: text("For `str_replace`: the text to replace; it must occur exactly once."),
    new_str: text("For `str_replace` and older `insert`: the new text."),
    insert_line: whole("For `insert`: the line after which the text goes; 0 is the beginning."),
    insert_text: text("For `insert`: the text to put in."),
    view_range: pair("For `view` of a file: first and last line, counted from 1; -1 as the last means the end."),
    ...(commands.includes("rename")
      ? { old_path: text("For `rename`: from."), new_path: text("For `rename`: to.") }
      : {}),
  };
}

const ACTIONS = [
  ..."key type mouse_move left_click left_click_drag right_click middle_click double_click triple_click".split(" "),
  ..."left_mouse_down left_mouse_up scroll hold_key wait screenshot cursor_position zoom".split(" "),
];

const COMPUTER: Properties = {
  action: one(ACTIONS, "What to do on the screen."),
  coordinate: pair("x and y in pixels, where the action happens."),
  start_coordinate: pair("For `left_click_drag`: where the drag begins."),
  text: text("Text to type, or the key or key combination to press."),
  scroll_direction: one(["up", "down", "left", "right"], "For `scroll`."),
  scroll_amount: whole("For `scroll`: how many steps."),
  duration: { type: "number", description: "Seconds, for `wait` and `hold_key`." },
  region: { type: "array", items: { type: "integer" }, description: "For `zoom`: x0, y0, x1, y1." },
};

/** The function for a built-in client tool; undefined for a type that is none. */
export function builtIn(type: string, tool: Record<string, unknown>): Tool | undefined {
  const name = typeof tool.name === "string" ? tool.name : undefined;
  if (type.startsWith("bash_")) {
    return define(name ?? "bash", "Run a command in a persistent bash session on the user's machine.", BASH, []);
  }
  if (type.startsWith("text_editor_")) {
    const commands = [
      "view",
      "create",
      "str_replace",
      "insert",
      ...(/_2024|_20250124/.test(type) ? ["undo_edit"] : []),
    ];
    const about = "View, create and edit text files on the user's machine.";
    return define(name ?? "str_replace_based_edit_tool", about, editor(commands), ["command", "path"]);
  }
  if (type.startsWith("memory_")) {
    const commands = ["view", "create", "str_replace", "insert", "delete", "rename"];
    const about = "Keep notes across conversations, as files below /memories.";
    return define(name ?? "memory", about, editor(commands), ["command"]);
  }
  if (type.startsWith("computer_")) {
    const about = `Use the user's computer: mouse, keyboard and screenshots. The screen is ${tool.display_width_px} by ${tool.display_height_px} pixels.`;
    return define(name ?? "computer", about, COMPUTER, ["action"]);
  }
  return undefined;
}

function define(name: string, description: string, properties: Properties, required: string[]): Tool {
  return { type: "function", name, description, parameters: { type: "object", properties, required }, strict: false };
}

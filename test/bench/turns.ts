// What the bench asks: a coding agent's turn of any size, in each dialect.

export const DIALECTS = ["responses", "chat", "messages", "gemini"] as const;
export type DialectName = (typeof DIALECTS)[number];

export interface Turn {
  path: string;
  headers: string[];
  body: string;
}

export const MODEL = "gpt-5.5";

/** A page of source text with what JSON has to escape, about 1.9 KB. */
const PAGE = Array.from(
  { length: 24 },
  (_, line) =>
    `${String(line).padStart(5)}\tif (entries["key-${line}"] !== undefined) {\n\t\treturn "a \\"quoted\\" value";\n\t}\n`,
).join("");

const schema = {
  type: "object",
  properties: {
    path: { type: "string", description: "Absolute path of the file." },
    offset: { type: "integer", description: "First line, counted from 1." },
    limit: { type: "integer", description: "Number of lines." },
  },
  required: ["path"],
};
const TOOLS = ["read_file", "write_file", "list_folder", "search_text", "run_command", "apply_patch"];
const DESCRIPTION =
  "Works on the user's files. Say what you are about to do before you use it, and look at what it answered.";

/** Reads as a conversation: pages of text, said in turn by the user and the model, until the body has `size` bytes. */
function conversation(size: number): { user: boolean; text: string }[] {
  const pages = Math.max(0, Math.round((size - 1000) / (JSON.stringify(PAGE).length + 70)));
  const said = Array.from({ length: pages }, (_, index) => ({
    user: index % 2 === 0,
    text: `Page ${index}:\n${PAGE}`,
  }));
  return pages % 2 === 0 ? [...said, { user: true, text: "Go on." }] : said;
}

const role = (user: boolean) => (user ? "user" : "assistant");

const BODIES: Record<DialectName, (said: ReturnType<typeof conversation>, tools: string[], stream: boolean) => object> =
  {
    responses: (said, tools, stream) => ({
      model: MODEL,
      instructions: "You are a coding agent.",
      input: said.map(({ user, text }) => ({
        type: "message",
        role: role(user),
        content: [{ type: user ? "input_text" : "output_text", text }],
      })),
      tools: tools.map((name) => ({
        type: "function",
        name,
        description: DESCRIPTION,
        parameters: schema,
        strict: false,
      })),
      store: false,
      stream,
    }),
    chat: (said, tools, stream) => ({
      model: MODEL,
      messages: [
        { role: "system", content: "You are a coding agent." },
        ...said.map(({ user, text }) => ({ role: role(user), content: text })),
      ],
      ...(tools.length > 0 && {
        tools: tools.map((name) => ({
          type: "function",
          function: { name, description: DESCRIPTION, parameters: schema },
        })),
      }),
      stream,
    }),
    messages: (said, tools, stream) => ({
      model: MODEL,
      max_tokens: 4096,
      system: "You are a coding agent.",
      messages: said.map(({ user, text }) => ({ role: role(user), content: [{ type: "text", text }] })),
      tools: tools.map((name) => ({ name, description: DESCRIPTION, input_schema: schema })),
      stream,
    }),
    gemini: (said, tools) => ({
      systemInstruction: { parts: [{ text: "You are a coding agent." }] },
      contents: said.map(({ user, text }) => ({ role: user ? "user" : "model", parts: [{ text }] })),
      ...(tools.length > 0 && {
        tools: [
          {
            functionDeclarations: tools.map((name) => ({
              name,
              description: DESCRIPTION,
              parametersJsonSchema: schema,
            })),
          },
        ],
      }),
    }),
  };

const PATHS = {
  responses: "/v1/responses",
  chat: "/v1/chat/completions",
  messages: "/v1/messages",
};

/** A turn whose body has about `size` bytes; a small one has no tools. */
export function turn(dialect: DialectName, size: number, stream: boolean): Turn {
  const tools = size >= 4000 ? TOOLS : [];
  const said = conversation(size - JSON.stringify(BODIES[dialect]([], tools, stream)).length);
  if (size < 4000) said.splice(0, said.length, { user: true, text: "Say it. ".repeat(Math.max(1, (size - 250) / 8)) });
  const method = stream ? "streamGenerateContent?alt=sse" : "generateContent";
  return {
    path: dialect === "gemini" ? `/v1beta/models/${MODEL}:${method}` : PATHS[dialect],
    headers: dialect === "messages" ? ["anthropic-version: 2023-06-01"] : [],
    body: JSON.stringify(BODIES[dialect](said, tools, stream)),
  };
}

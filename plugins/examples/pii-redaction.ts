// Blacks out addresses, phone and card numbers and words of your choice in answers, also where a stream cuts them in pieces.
//
//   plugins:
//     - ./pii-redaction.ts: { kinds: [email, card, phone], words: ["Project Falcon"], tools: false }
//     - …                                                      # auth, model-effort, translate, usage-log, compact
//
// Text is held back only as long as it may be the beginning of something. Tool arguments pass, since tools need the real values,
// unless `tools` is true: then they come whole, and stay valid JSON.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, Event, type EventData, valueKey } from "codexd/plugin";

/** What to look for, and what the end of a text looks like that may become it. */
const KINDS: Record<string, { whole: string; begin: RegExp }> = {
  email: { whole: "[\\w.+-]{1,64}@[\\w-]+(?:\\.[\\w-]+)+", begin: /[\w.+-]{1,64}(@[\w.-]{0,255})?$/ },
  card: { whole: "\\d(?:[ -]?\\d){12,18}", begin: /\d(?:[ -]?\d){0,18}[ -]?$/ },
  phone: { whole: "\\+\\d(?:[ ()./-]{0,2}\\d){7,14}", begin: /\+[\d ()./-]{0,40}$/ },
};

const Options = Type.Object(
  {
    kinds: Type.Optional(
      Type.Array(Type.Union(Object.keys(KINDS).map((kind) => Type.Literal(kind))), {
        description: "What to look for; all of it left out.",
      }),
    ),
    words: Type.Optional(
      Type.Array(Type.String({ minLength: 1 }), { description: "Words to black out, in any case." }),
    ),
    tools: Type.Optional(Type.Boolean({ description: "Look into the arguments of tool calls too." })),
  },
  { additionalProperties: false },
);

/** Text of one part of the answer that was not sent yet, and the last event of it, in which it can be. */
interface Held {
  text: string;
  late: EventData | undefined;
}
const heldKey = valueKey<Map<string, Held>>("held");

const TEXTS = ["output_text", "refusal", "reasoning_summary_text", "reasoning_text"];
const CALLS = ["function_call_arguments", "custom_tool_call_input"];
const WHOLES = ["content_part.done", "reasoning_summary_part.done", "output_item.done", "completed", "incomplete"];

export default definePlugin<Static<typeof Options> | undefined>({
  name: "pii-redaction",
  apiVersion: 1,
  // Rather no answer than one that was not looked at.
  onError: "fail",
  options: Options,
  setup(_host, { kinds = Object.keys(KINDS), words = [], tools = false } = {}) {
    const { redact, certain } = redactor(kinds, words);
    const streamed = tools ? [...TEXTS, ...CALLS] : TEXTS;
    const fields = new Set(["text", "refusal", ...(tools ? ["arguments", "input"] : [])]);

    /** Keeps a piece back until it is certain. It goes out in the event before it, so that none has to be made up. */
    function hold(held: Map<string, Held>, data: EventData): Event | null {
      const part = [data.type, data.output_index, data.content_index, data.summary_index].join();
      const { text = "", late } = held.get(part) ?? {};
      const all = text + String(data.delta ?? "");
      // Arguments are JSON: what may be replaced in it is known when it is whole.
      const ready = late && !CALLS.some((call) => data.type.includes(call)) ? certain(all) : 0;
      held.set(part, { text: all.slice(ready), late: data });
      return late && ready > 0 ? saying(late, redact(all.slice(0, ready))) : null;
    }

    /** What is still held of the item that this event ends; of all at the end of the answer. */
    function rest(held: Map<string, Held>, { output_index: ended }: EventData): Event[] {
      return [...held].flatMap(([part, { text, late }]) => {
        if (!late || (ended !== undefined && late.output_index !== ended)) return [];
        held.delete(part);
        return [saying(late, late.type.includes("arguments") ? inJson(text) : redact(text))];
      });
    }

    /** The whole comes again in events that end something, and must say the same as the pieces. */
    function clean(value: unknown): unknown {
      if (Array.isArray(value)) return value.map(clean);
      if (typeof value !== "object" || value === null) return value;
      return Object.fromEntries(
        Object.entries(value).map(([name, inner]) => {
          if (typeof inner !== "string" || !fields.has(name)) return [name, clean(inner)];
          return [name, name === "arguments" ? inJson(inner) : redact(inner)];
        }),
      );
    }

    /** Only in texts: a number that looks like a card's stays a number, and nothing can end a string too early. */
    function inJson(text: string): string {
      try {
        return JSON.stringify(JSON.parse(text, (_, value) => (typeof value === "string" ? redact(value) : value)));
      } catch {
        return redact(text);
      }
    }

    return {
      events: {
        types: [...streamed.flatMap((type) => [`${type}.delta`, `${type}.done`]), ...WHOLES].map(
          (type) => `response.${type}`,
        ),
        handle({ type, data }, exchange) {
          const held = exchange.values.get(heldKey) ?? new Map<string, Held>();
          exchange.values.set(heldKey, held);
          if (type.endsWith(".delta")) return hold(held, data);
          return [...rest(held, data), Event.of(cleaned(data, clean))];
        },
      },
    };
  },
});

/** Of a response only its output: what it repeats of the request is the client's own. */
function cleaned(data: EventData, clean: (value: unknown) => unknown): EventData {
  const { response } = data;
  if (typeof response !== "object" || response === null) return clean(data) as EventData;
  return { ...data, response: { ...response, output: clean((response as { output?: unknown }).output) } };
}

/** The event with another text; its tokens one by one would tell the old one. */
function saying(data: EventData, delta: string): Event {
  return Event.of({ ...data, delta, ...(data.logprobs !== undefined && { logprobs: [] }) });
}

function redactor(kinds: readonly string[], words: readonly string[]) {
  const named = kinds.map((kind) => `(?<${kind}>${KINDS[kind]?.whole})`);
  const literal = words.length > 0 ? [`(?<redacted>${words.map(RegExp.escape).join("|")})`] : [];
  const whole = new RegExp([...literal, ...named].join("|") || "(?!)", "gi");
  const begins = kinds.map((kind) => KINDS[kind]?.begin ?? /$/);

  const redact = (text: string): string =>
    text.replace(whole, (...found) => {
      const groups = found.at(-1) as Record<string, string | undefined>;
      return `[${Object.keys(groups).find((name) => groups[name] !== undefined)}]`;
    });

  /** How much of the text no later piece can change: nothing at its end may be a beginning. */
  const certain = (text: string): number => {
    const low = text.toLowerCase();
    const ends = [
      ...begins.map((begin) => text.search(begin)),
      ...words.map((word) => low.length - overlap(low, word.toLowerCase())),
    ];
    const end = Math.min(text.length, ...ends.filter((at) => at >= 0));
    const across = [...text.matchAll(whole)].find(({ index, 0: { length } }) => index < end && index + length > end);
    return across ? across.index : end;
  };
  return { redact, certain };
}

/** How many characters at the end of the text begin the word. */
function overlap(text: string, word: string): number {
  let length = Math.min(text.length, word.length - 1);
  while (length > 0 && !text.endsWith(word.slice(0, length))) length--;
  return length;
}

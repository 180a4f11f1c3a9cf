// Any conversation, in the words of any dialect, and what is left of its calls in what went up.

import fc from "fast-check";

// biome-ignore lint/suspicious/noExplicitAny: bodies of four dialects, read by path
export type Json = Record<string, any>;

/** What happened in a conversation, in no dialect's words. */
export type Step =
  | { kind: "user"; text: string }
  | { kind: "assistant"; text: string }
  | { kind: "thought"; text: string; sealed: boolean }
  | { kind: "calls"; names: string[]; text: string; order: "together" | "one by one"; missing: number };

const MODEL = "gpt-5.5";

const words = fc.array(fc.constantFrom("plum", "tree", "über", "函数", "x".repeat(20), "🙂", "{}", "\n"), {
  maxLength: 40,
});
const text = words.map((some) => `. ${some.join(" ")}`);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("user" as const), text }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("assistant" as const), text }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("thought" as const), text, sealed: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("calls" as const),
      names: fc.array(fc.constantFrom("read", "write", "mcp__git__log", "a.b/c"), { minLength: 1, maxLength: 3 }),
      text,
      order: fc.constantFrom("together" as const, "one by one" as const),
      // Mostly none: a client that cut its history itself is the exception.
      missing: fc.constantFrom(0, 0, 0, 0, 1),
    }),
  },
);
export const history = fc.array(step, { minLength: 12, maxLength: 50, size: "max" });

/** Every call and output of a conversation says which belong together. */
const outputOf = (id: string, said: string) => `out of ${id}: ${said}`;

const forms: Record<string, (steps: Step[], last: string) => { path: string; body: Json }> = {
  responses(steps, last) {
    const message = (role: string, said: string) => ({ type: "message", role, content: said });
    const input = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [message(one.kind, one.text)];
      if (one.kind === "thought") {
        const summary = [{ type: "summary_text", text: one.text }];
        return [{ type: "reasoning", id: `rs_${at}`, summary, encrypted_content: one.sealed ? "gAAAAforeign" : null }];
      }
      const custom = at % 3 === 0;
      const id = (n: number) => `call_${at}_${n}${at % 5 === 0 ? "_".repeat(80) : ""}`;
      const calls = one.names.map((name, n) =>
        custom
          ? { type: "custom_tool_call", id: "wrong", call_id: id(n), name, input: `in ${id(n)}` }
          : { type: "function_call", call_id: id(n), name, arguments: JSON.stringify({ n: `in ${id(n)}` }) },
      );
      const outputs = one.names.slice(one.missing).map((_, n) => ({
        type: custom ? "custom_tool_call_output" : "function_call_output",
        call_id: id(n + one.missing),
        output: outputOf(id(n + one.missing), one.text),
      }));
      if (one.order === "together") return [...calls, ...outputs];
      return calls.flatMap((call, n) => [call, ...outputs.filter(({ call_id }) => call_id === id(n))]);
    });
    return { path: "/v1/responses", body: { model: MODEL, store: false, input: [...input, message("user", last)] } };
  },
  chat(steps, last) {
    const messages = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [{ role: one.kind, content: one.text }];
      if (one.kind === "thought") return [{ role: "assistant", content: "", reasoning_content: one.text }];
      const calls = one.names.map((name, n) => ({
        id: `call_${at}_${n}`,
        type: "function",
        function: { name, arguments: JSON.stringify({ n: `in call_${at}_${n}` }) },
      }));
      const told = calls.slice(one.missing).map(({ id }) => ({
        role: "tool",
        tool_call_id: id,
        content: outputOf(id, one.text),
      }));
      return [{ role: "assistant", content: null, tool_calls: calls }, ...told];
    });
    return {
      path: "/v1/chat/completions",
      body: { model: MODEL, messages: [...messages, { role: "user", content: last }] },
    };
  },
  messages(steps, last) {
    const messages = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant") return [{ role: one.kind, content: one.text }];
      if (one.kind === "thought") {
        const thinking = { type: "thinking", thinking: one.text, signature: "foreign" };
        return [{ role: "assistant", content: [thinking, { type: "text", text: "so" }] }];
      }
      const ids = one.names.map((_, n) => `toolu_${at}_${n}`);
      const use = one.names.map((name, n) => ({ type: "tool_use", id: ids[n], name, input: { n: `in ${ids[n]}` } }));
      const results = ids.slice(one.missing).map((id) => ({
        type: "tool_result",
        tool_use_id: id,
        content: outputOf(id, one.text),
      }));
      const reminder = { type: "text", text: "<system-reminder>go on</system-reminder>" };
      return [
        { role: "assistant", content: [{ type: "text", text: "I look." }, ...use] },
        { role: "user", content: [...results, reminder] },
      ];
    });
    const body = { model: MODEL, max_tokens: 100, messages: [...messages, { role: "user", content: last }] };
    return { path: "/v1/messages", body };
  },
  gemini(steps, last) {
    const contents = steps.flatMap((one, at): Json[] => {
      if (one.kind === "user" || one.kind === "assistant")
        return [{ role: one.kind === "user" ? "user" : "model", parts: [{ text: one.text }] }];
      if (one.kind === "thought") return [{ role: "model", parts: [{ text: one.text, thought: true }] }];
      // Gemini's ids are optional: without them calls and responses go by their order.
      const id = (n: number) => (at % 2 === 0 ? { id: `g_${at}_${n}` } : {});
      const calls = one.names.map((name, n) => ({ functionCall: { ...id(n), name, args: { n: `in g_${at}_${n}` } } }));
      const told = one.names.map((name, n) => ({
        functionResponse: { ...id(n), name, response: { output: outputOf(`g_${at}_${n}`, one.text) } },
      }));
      return [
        { role: "model", parts: calls },
        { role: "user", parts: told },
      ];
    });
    const body = { contents: [...contents, { role: "user", parts: [{ text: last }] }] };
    return { path: `/v1beta/models/${MODEL}:generateContent`, body };
  },
};

/** A history in which something is so long that no window of so many tokens holds it. */
export function giants(window: number): fc.Arbitrary<Step[]> {
  const giant = fc.record({
    ...{ step, at: fc.nat(50), windows: fc.integer({ min: 1, max: 4 }) },
    filling: fc.constantFrom("plum tree ", "函数", "🙂", "{}\n", "x"),
  });
  return fc.tuple(history, fc.array(giant, { minLength: 1, maxLength: 3 })).map(([steps, all]) => {
    const whole: Step[] = [...steps];
    for (const { step: one, at, windows, filling } of all) {
      const text = `. ${filling.repeat(Math.ceil((4 * window * windows) / filling.length))}`;
      whole.splice(at, 0, { ...one, text });
    }
    return whole;
  });
}

export const DIALECTS = Object.keys(forms);

/** A request of a dialect that ends with what the user says last. */
export function render(dialect: string, steps: Step[], last: string): { path: string; body: Json } {
  return (forms[dialect] as (typeof forms)[string])(steps, last);
}

/** Calls whose own output is not there, and outputs that became something else. */
export function strayIn({ input, messages }: Json): string[] {
  const all = JSON.stringify(input ?? messages);
  const stray = [...all.matchAll(/Output of the tool call/g)].map(([found]) => found);
  const calls: Json[] = input
    ? input.filter(({ type }: Json) => type === "function_call" || type === "custom_tool_call")
    : messages.flatMap(({ tool_calls: list }: Json) => list ?? []);
  for (const call of calls) {
    const asked = call.arguments ?? call.input ?? call.function.arguments;
    const id = /in ([\w-]+)/.exec(asked)?.[1];
    const output: Json | undefined = input
      ? input.find((item: Json) => item.output !== undefined && item.call_id === call.call_id)
      : messages.find((message: Json) => message.role === "tool" && message.tool_call_id === call.id);
    const said = JSON.stringify(output?.output ?? output?.content ?? "");
    // Of what no question holds, there are excerpts.
    const isExcerpt = asked.includes("characters left out") || said.includes("characters left out");
    if (isExcerpt ? !output : !said.includes(`out of ${id}:`)) stray.push(String(id));
  }
  return stray;
}

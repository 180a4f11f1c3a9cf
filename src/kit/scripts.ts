// What the sandbox is asked to do to a plugin: the streams that every plugin has to stand.

export interface Script {
  readonly name: string;
  /** Directives of the sandbox. */
  readonly text: string;
}

export const SCRIPTS: readonly Script[] = [
  { name: "text", text: "SAY One answer, in several words, with a number: 42." },
  { name: "a long text", text: "LONG 200" },
  { name: "several messages", text: "SAY first\nSAY second" },
  { name: "one large event", text: "GIANT 64" },
  { name: "reasoning", text: "REASON first thought | second thought\nSAY done" },
  { name: "a tool call", text: 'CALL read {"path":"a.txt"}' },
  {
    name: "parallel tool calls",
    text: 'CALL read {"path":"a.txt"}\nCALL write {"path":"b.txt"}\nCALL read {"path":"c.txt"}',
  },
  { name: "interleaved tool calls", text: 'INTERLEAVE\nCALL read {"path":"a.txt"}\nCALL write {"path":"b.txt"}' },
  { name: "reasoning, text and a call", text: 'REASON a thought\nSAY so:\nCALL read {"path":"a.txt"}' },
  { name: "a refusal", text: "REFUSE I cannot help with that." },
  { name: "an unknown event", text: "UNKNOWN\nSAY after it" },
  { name: "an incomplete answer", text: "LONG 20\nINCOMPLETE max_output_tokens" },
  { name: "an error", text: "FAIL context_length_exceeded" },
  { name: "an error in the stream", text: "LONG 20\nFAIL server_error during 3" },
  { name: "a stream that is cut", text: "LONG 20\nCUT 3" },
  { name: "a connection that breaks", text: "LONG 20\nDROP 3" },
];

/** A stream that takes so long that its client can leave. */
export const LEAVING: Script = { name: "a client that leaves", text: "LONG 50\nSLOW 20" };

/** Events enough to see what one costs. */
export const COSTS: Script = { name: "the time of an event", text: "LONG 3000" };

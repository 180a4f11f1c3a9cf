// The options of the rules plugin as a schema: its descriptions are the manual.

import type { Static, TSchema } from "@sinclair/typebox";
import * as Type from "@sinclair/typebox";

const closed = { additionalProperties: false };

const Texts = (description: string) =>
  Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())], { description }));

const Plain = [Type.String(), Type.Number(), Type.Boolean(), Type.Null()];

const Value = Type.Union([
  ...Plain,
  Type.Array(Type.Union(Plain)),
  Type.Object(
    {
      above: Type.Optional(Type.Number({ description: "A number greater than this." })),
      below: Type.Optional(Type.Number({ description: "A number smaller than this." })),
    },
    closed,
  ),
]);

const conditions = {
  licence: Texts("The licence's name: `local` where there is none."),
  dialect: Texts("What the client speaks: chat, responses, messages, gemini, or a plugin's own."),
  operation: Texts("What is asked for: `turn`, `count` (counting tokens) or `compact`."),
  model: Texts(
    "The model meant, without parameters: `gpt-5.5` fits a request for `gpt-5.5-high`, and for an alias of it.",
  ),
  askedModel: Texts("The model's name exactly as the client wrote it."),
  session: Texts("The id of the conversation."),
  stream: Type.Optional(Type.Boolean({ description: "Whether the answer is asked for as a stream." })),
  header: Type.Optional(
    Type.Record(Type.String(), Type.Union([Type.String(), Type.Array(Type.String())]), {
      description: "Request headers by name, in any case; `*` asks that it is there.",
    }),
  ),
  field: Type.Optional(
    Type.Record(Type.String(), Value, {
      description:
        "Fields of the turn (a Responses body, whatever the dialect) by path: `reasoning.effort`, `tools[].type`. A text is a pattern (`*`: it is there), a number or true and false are themselves, `{ above: 4000 }` and `{ below: 10 }` compare.",
    }),
  ),
};

const When = Type.Object(
  {
    ...conditions,
    not: Type.Optional(
      Type.Union([Type.Object(conditions, closed), Type.Array(Type.Object(conditions, closed))], {
        description: "The rule does not apply where these conditions hold; of a list, where any of them do.",
      }),
    ),
  },
  {
    ...closed,
    description:
      "All of it must hold; left out, the rule applies always. In texts `*` stands for any characters, and a list means any of them.",
  },
);

/** Kinds of failure that a rule may answer with; the others are for what really happens. */
const KINDS = ["permission", "invalid_request", "unknown_model", "rate_limit", "quota", "overloaded", "unsupported"];

const fields = (description: string) =>
  Type.Optional(Type.Record(Type.String(), Type.Unknown() as TSchema, { description }));

const Then = Type.Object(
  {
    refuse: Type.Optional(
      Type.Object(
        {
          message: Type.String({ minLength: 1, description: "What the client is told." }),
          code: Type.Optional(
            Type.String({ minLength: 1, description: "Machine-readable; `refused_by_rule` left out." }),
          ),
          kind: Type.Optional(
            Type.Union(
              KINDS.map((kind) => Type.Literal(kind)),
              { description: "Decides the status in each dialect; `permission` (403) left out." },
            ),
          ),
          retryAfter: Type.Optional(
            Type.Number({ minimum: 0, description: "Seconds until another try makes sense (`Retry-After`)." }),
          ),
        },
        { ...closed, description: "Answer with this failure instead; nothing else of the rule happens." },
      ),
    ),
    route: Type.Optional(
      Type.Object(
        {
          model: Type.Optional(
            Type.String({
              minLength: 1,
              description:
                "The model to ask instead, as a client may write it: an alias, or with parameters (`gpt-5-high`). An effort that the client asked for moves to the nearest that this model has.",
            }),
          ),
          upstream: Type.Optional(
            Type.String({ minLength: 1, description: "The upstream to ask, by its name under `upstreams`." }),
          ),
        },
        { ...closed, description: "Where the turn goes. The models that a licence allows still hold." },
      ),
    ),
    remove: Type.Optional(
      Type.Array(Type.String(), {
        description:
          "Fields of the turn to take out, by path: `service_tier`, `tools[type=web_search]`. What was there is told in `x-codexd-dropped`.",
      }),
    ),
    set: fields("Fields of the turn by path, and the value each gets whatever the client sent."),
    default: fields("Fields of the turn by path, and the value each gets where the client sent none."),
    addHeader: Type.Optional(
      Type.Record(Type.String(), Type.String(), { description: "Headers of the answer, by name." }),
    ),
  },
  { ...closed, description: "What happens, in this order: refuse, route, remove, set, default, addHeader." },
);

const Rule = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, description: "What the rule is called in errors and logs." })),
    when: Type.Optional(When),
    // biome-ignore lint/suspicious/noThenProperty: data of a configuration, never a promise.
    then: Type.Optional(Then),
    stop: Type.Optional(Type.Boolean({ description: "Where this rule applies, those after it do not." })),
  },
  closed,
);

export const Options = Type.Object(
  {
    rules: Type.Array(Rule, {
      description: "The rules, in order: each sees what those before it made of the turn.",
    }),
  },
  closed,
);

export type RuleSetting = Static<typeof Rule>;
export type When = Static<typeof When>;
export type Then = Static<typeof Then>;

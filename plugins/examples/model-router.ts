// Sends each turn to the cheapest model that is up to it: short plain questions to a small one, pictures to one that sees.
//
//   plugins:
//     - ./model-router.ts: { for: auto, small: gpt-5-codex-mini, large: gpt-5.5-high, limit: 2000 }
//     - …                                                      # auth, model-effort, translate, usage-log, compact
//
// Clients ask for the model `auto`; every other name is left alone. `x-routed-because` tells why.

import { type Static, Type } from "@sinclair/typebox";
import { definePlugin, invalid, roughTokens, type Turn } from "codexd/plugin";

const name = (description: string) => Type.String({ minLength: 1, description });

const Options = Type.Object(
  {
    for: Type.Optional(name("The model name that is routed; `auto` left out.")),
    small: name("The model for what is small, with parameters if you like."),
    large: name("The model for everything else."),
    eyes: Type.Optional(name("The model for turns with pictures; the large one left out.")),
    limit: Type.Optional(
      Type.Integer({ minimum: 1, description: "Tokens up to which a turn is small; 2000 left out." }),
    ),
  },
  { additionalProperties: false },
);

export default definePlugin<Static<typeof Options>>({
  name: "model-router",
  apiVersion: 1,
  // It gives a name like a client's, with its alias and effort still in it: model-effort resolves that.
  before: ["model-effort"],
  options: Options,
  setup(host, { for: routed = "auto", small, large, eyes = large, limit = 2000 }) {
    if ([small, large, eyes].includes(routed)) throw new Error(`model-router: ${routed} would be routed to itself`);

    /** Roughly counted: it has to be quick, and four characters a token are near enough for this. */
    const choose = (turn: Turn): [model: string, why: string] => {
      if (JSON.stringify(turn.input).includes('"type":"input_image"')) return [eyes, "pictures"];
      if ((turn.tools ?? []).length > 0) return [large, "tools"];
      const tokens = roughTokens(turn);
      return tokens > limit ? [large, `${tokens} tokens`] : [small, `only ${tokens} tokens`];
    };

    return {
      turn(exchange) {
        if (exchange.askedModel !== routed) return;
        if (exchange.operation === "compact") throw invalid("model", `${routed} cannot compact: name a model`);
        const [model, why] = choose(exchange.turn);
        exchange.turn.model = model;
        // The client chose its effort without knowing the model.
        exchange.lenientEffort = true;
        exchange.answerHeaders.set("x-routed-because", why);
        host.log.debug("routed", { id: exchange.id, model, why });
      },
    };
  },
});

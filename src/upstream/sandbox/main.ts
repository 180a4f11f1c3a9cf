// Runs the sandbox by itself: `main.ts [--host H] [--port P] [--wire responses|chat] [--pace MS] [--auth] [--accounts N] [--token-lifetime 310s]`.
import { parseArgs } from "node:util";
import { spanSeconds } from "./auth/span.ts";
import { serveSandbox } from "./serve.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    wire: { type: "string", default: "responses" },
    pace: { type: "string", default: "0" },
    auth: { type: "boolean", default: false },
    accounts: { type: "string", default: "1" },
    "token-lifetime": { type: "string", default: "1h" },
  },
});
if (values.wire !== "responses" && values.wire !== "chat") {
  console.error(`--wire ${values.wire}: it is responses or chat`);
  process.exit(2);
}
const tokenLifetime = spanSeconds(values["token-lifetime"]);
if (tokenLifetime === undefined) {
  console.error(`--token-lifetime ${values["token-lifetime"]}: it is a duration such as 310s`);
  process.exit(2);
}
const served = serveSandbox({
  host: values.host,
  port: Number(values.port),
  wire: values.wire,
  pace: Number(values.pace),
  auth: values.auth,
  accounts: Number(values.accounts),
  tokenLifetime,
});
console.log(`sandbox listening on ${served.url}`);

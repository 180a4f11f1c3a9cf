// Runs the sandbox by itself: `main.ts [--host H] [--port P] [--wire responses|chat] [--pace MS]`.
import { parseArgs } from "node:util";
import { serveSandbox } from "./serve.ts";

const { values } = parseArgs({
  options: {
    host: { type: "string", default: "127.0.0.1" },
    port: { type: "string", default: "0" },
    wire: { type: "string", default: "responses" },
    pace: { type: "string", default: "0" },
  },
});
if (values.wire !== "responses" && values.wire !== "chat") {
  console.error(`--wire ${values.wire}: it is responses or chat`);
  process.exit(2);
}
const served = serveSandbox({
  host: values.host,
  port: Number(values.port),
  wire: values.wire,
  pace: Number(values.pace),
});
console.log(`sandbox listening on ${served.url}`);

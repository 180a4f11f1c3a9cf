// The order that a Responses stream promises: items open once, grow, close once, one after another, and agree with the end.
import type { Json } from "./material.ts";

/** Throws at the first event that breaks the order; returns the final Response. */
export function checkLifeCycle(events: Json[]): Json {
  let open: Json | undefined;
  let grown = new Map<string, string>();
  const output: Json[] = [];
  const fail = (event: Json, why: string): never => {
    throw new Error(`${why}: ${JSON.stringify(event).slice(0, 300)}`);
  };
  if (events[0]?.type !== "response.created") throw new Error(`opens with ${events[0]?.type}`);
  if (events[1]?.type !== "response.in_progress") throw new Error(`goes on with ${events[1]?.type}`);
  for (const [index, event] of events.entries()) {
    if (event.sequence_number !== index) fail(event, `sequence_number is not ${index}`);
    if (index < 2 || index === events.length - 1) continue;
    if (event.output_index !== output.length) fail(event, `output_index is not ${output.length}`);
    if (event.type === "response.output_item.added") {
      if (open) fail(event, "an item opens while another is open");
      open = event.item as Json;
      grown = new Map();
      continue;
    }
    if (!open) return fail(event, "no item is open");
    if (event.type === "response.output_item.done") {
      for (const key of ["id", "type", "call_id", "name", "namespace"]) {
        if (event.item[key] !== open[key]) fail(event, `${key} changed from ${open[key]}`);
      }
      output.push(event.item);
      open = undefined;
      continue;
    }
    if (event.item_id !== open.id) fail(event, `item_id is not ${open.id}`);
    follow(event, grown, fail);
  }
  if (open) throw new Error(`${open.id} never closed`);
  const last = events.at(-1) as Json;
  const response = last.response as Json;
  if (last.type !== `response.${response.status}`) fail(last, "status and type disagree");
  if (JSON.stringify(response.output) !== JSON.stringify(output)) fail(last, "output is not the items that were told");
  const ids = output.map((item) => item.id);
  if (new Set(ids).size !== ids.length) throw new Error(`ids repeat: ${ids}`);
  return response;
}

/** Deltas only inside an open part, and every `done` repeats exactly what the deltas said. */
function follow(event: Json, grown: Map<string, string>, fail: (event: Json, why: string) => never): void {
  const place = `${event.content_index ?? ""}/${event.summary_index ?? ""}`;
  const whole = event.text ?? event.refusal ?? event.arguments ?? event.input;
  if (event.type.endsWith("part.added")) {
    if (grown.has(place)) fail(event, "a part opens twice");
    grown.set(place, "");
  } else if (event.type.endsWith(".delta")) {
    if (event.delta === "") fail(event, "an empty delta");
    if (place !== "/" && !grown.has(place)) fail(event, "a delta before its part");
    grown.set(place, (grown.get(place) ?? "") + event.delta);
  } else if (event.type.endsWith(".done") && whole !== undefined) {
    if (whole !== (grown.get(place) ?? "")) fail(event, `done does not repeat ${JSON.stringify(grown.get(place))}`);
  }
}

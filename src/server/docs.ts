// Serves the OpenAPI document and a page that shows it, with nothing loaded from anywhere else.

import css from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import bundle from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import type { Gateway } from "./gateway.ts";
import { documentOf } from "./openapi.ts";

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>codexd: API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: "/openapi.json", dom_id: "#ui", deepLinking: true, validatorUrl: null, defaultModelsExpandDepth: 0, displayRequestDuration: true });\n`;

// Scripts and styles come from this server only; the page's icons are data: images.
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const documents = new WeakMap<Gateway, Promise<string>>();

/** Answers for `/openapi.json` and everything under `/docs`; undefined for what is not there. */
export async function docsAnswer(path: string, gateway: Gateway): Promise<Response | undefined> {
  const headers = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
  };
  const answer = (body: BodyInit, type: string) =>
    new Response(body, { headers: { ...headers, "content-type": `${type}; charset=utf-8` } });
  switch (path) {
    case "/openapi.json":
      return answer(await documentText(gateway), "application/json");
    case "/docs":
    case "/docs/":
      return answer(PAGE, "text/html");
    case "/docs/start.js":
      return answer(START, "text/javascript");
    case "/docs/swagger-ui.css":
      return answer(Bun.file(css), "text/css");
    case "/docs/swagger-ui-bundle.js":
      return answer(Bun.file(bundle), "text/javascript");
    default:
      return undefined;
  }
}

function documentText(gateway: Gateway): Promise<string> {
  const known = documents.get(gateway);
  if (known) return known;
  const { config, services, dialects, contributed } = gateway;
  const { basePath } = config.server;
  const made = documentOf([...dialects.values()], basePath, services.version, contributed.routes);
  const text = made.then((document) => JSON.stringify(document));
  documents.set(gateway, text);
  return text;
}

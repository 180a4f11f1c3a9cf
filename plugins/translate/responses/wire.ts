// The wire format of the responses dialect as TypeBox schemas, named for the OpenAPI document.

export const schemas: Readonly<Record<string, unknown>> = {};

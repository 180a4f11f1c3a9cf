// How this dialect writes its schemas: open objects, named components, fields that may be null.

import { type TSchema, Type } from "@sinclair/typebox";

const open = { additionalProperties: true };

export type Schemas = Record<string, TSchema>;

export const ref = (name: string): TSchema => Type.Unsafe({ $ref: `#/components/schemas/${name}` });

export const object = (properties: Schemas, description?: string): TSchema =>
  Type.Object(properties, description === undefined ? open : { ...open, description });

export const literals = (...values: string[]): TSchema => Type.Union(values.map((value) => Type.Literal(value)));

export const orNull = (schema: TSchema, description?: string): TSchema =>
  Type.Union([schema, Type.Null()], description === undefined ? {} : { description });

export const has = (schema: TSchema): TSchema => Type.Optional(schema);

/** A field that clients and upstreams leave out or set to null where they mean nothing. */
export const maybe = (schema: TSchema, description?: string): TSchema => Type.Optional(orNull(schema, description));

export const anyObject = object({});

/** One of several components, told apart by `type`; `types` gives the component of each. */
export const oneByType = (types: Readonly<Record<string, string>>, description: string): TSchema =>
  Type.Unsafe({
    description,
    oneOf: [...new Set(Object.values(types))].map(ref),
    discriminator: {
      propertyName: "type",
      mapping: Object.fromEntries(Object.entries(types).map(([type, name]) => [type, `#/components/schemas/${name}`])),
    },
  });

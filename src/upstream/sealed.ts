// Encrypted reasoning goes back only to the account that made it: seals are opened, foreign ones lose their ciphertext.

import { accountMark, unseal } from "../core/seal.ts";
import type { Item } from "../core/turn.ts";
import { visibleReasoning } from "./items.ts";

type Body = Record<string, unknown>;

/** The body for this account; the same object when nothing in it is sealed. */
export function opened(body: Body, account: string): Body {
  if (!Array.isArray(body.input) || !body.input.some(isSealed)) return body;
  const mark = accountMark(account);
  return {
    ...body,
    input: (body.input as Item[]).flatMap((item) => (isSealed(item) ? openedItem(item, mark) : [item])),
  };
}

/** The body without ciphertext of reasoning, for an upstream that could not verify one (translation.md 0.6); undefined when it has none. */
export function withoutCiphertext(body: Body, which: (content: string) => boolean = always): Body | undefined {
  const input = body.input;
  const goes = (item: Item) => isEncrypted(item) && which(item.encrypted_content);
  if (!Array.isArray(input) || !input.some(goes)) return undefined;
  return {
    ...body,
    input: (input as Item[]).flatMap((item) => (goes(item) ? (visibleReasoning(item) ?? []) : [item])),
  };
}

/** Ciphertexts that the body has for the upstream. */
export function ciphertextsOf({ input }: Body): string[] {
  return Array.isArray(input) ? input.filter(isEncrypted).map((item) => item.encrypted_content) : [];
}

const always = (): boolean => true;

function isSealed(item: Item): boolean {
  return typeof item?.encrypted_content === "string" && item.encrypted_content.startsWith("cdx1.");
}

function isEncrypted(item: Item): item is Item & { encrypted_content: string } {
  return item?.type === "reasoning" && typeof item.encrypted_content === "string" && item.encrypted_content !== "";
}

function openedItem(item: Item, mark: string): Item[] {
  const sealed = unseal(item.encrypted_content);
  if (sealed && (sealed.mark === undefined || sealed.mark === mark)) {
    const id = item.id ?? sealed.id;
    return [{ ...item, encrypted_content: sealed.content, ...(id === undefined ? {} : { id }) }];
  }
  const visible = item.type === "reasoning" ? visibleReasoning(item) : undefined;
  return visible ? [visible] : [];
}

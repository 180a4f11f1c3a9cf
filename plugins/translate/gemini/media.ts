// Inline data and files of a Gemini request as content parts of a turn.

import { type Item, invalid } from "codexd/plugin";
import type { Fields } from "./fields.ts";

/** Google's resolutions as an image's detail. */
const DETAIL: ReadonlyMap<unknown, string> = new Map([
  ["MEDIA_RESOLUTION_LOW", "low"],
  ["MEDIA_RESOLUTION_MEDIUM", "auto"],
  ["MEDIA_RESOLUTION_HIGH", "high"],
  ["MEDIA_RESOLUTION_ULTRA_HIGH", "high"],
]);

/** Extensions that are not what the type is called. */
const EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ["text/plain", "txt"],
  ["text/markdown", "md"],
  ["text/javascript", "js"],
  ["text/x-python", "py"],
]);

/** The detail that a `mediaResolution` asks for: a plain level in the configuration, an object on a part. */
export function detailOf(resolution: unknown): string | undefined {
  const level =
    typeof resolution === "object" && resolution !== null ? (resolution as { level?: unknown }).level : resolution;
  return DETAIL.get(level);
}

/** `inlineData`: an image, audio, or any other file, always as a data URL. */
export function inlineOf(blob: Fields, detail: string | undefined): Item {
  const type = blob.string("mimeType");
  const data = blob.string("data");
  if (!type)
    throw invalid(blob.at("mimeType"), `${blob.at("mimeType")} must name the type of the data, e.g. image/png`);
  if (data === undefined) throw invalid(blob.at("data"), `${blob.at("data")} must be base64`);
  // Google's own SDKs may write the URL-safe alphabet, which data URLs do not have.
  const base64 = data.replaceAll("-", "+").replaceAll("_", "/");
  if (type.startsWith("image/")) return image(`data:${type};base64,${base64}`, detail);
  if (type.startsWith("audio/"))
    return { type: "input_audio", input_audio: { data: base64, format: audioFormat(type) } };
  return {
    type: "input_file",
    filename: blob.string("displayName") ?? filename(type),
    file_data: `data:${type};base64,${base64}`,
  };
}

/** `fileData`: an address that the upstream fetches itself. */
export function fileOf(file: Fields, detail: string | undefined): Item {
  const uri = file.string("fileUri");
  if (!uri || !/^(?:https?|data):/i.test(uri)) {
    throw invalid(file.at("fileUri"), `${file.at("fileUri")} must be an https: or data: address`);
  }
  const type = file.string("mimeType");
  file.get("displayName");
  const isImage = type === undefined ? /\.(?:png|jpe?g|gif|webp)(?:[?#]|$)/i.test(uri) : type.startsWith("image/");
  return isImage ? image(uri, detail) : { type: "input_file", file_url: uri };
}

function image(url: string, detail: string | undefined): Item {
  return { type: "input_image", image_url: url, ...(detail === undefined ? {} : { detail }) };
}

function audioFormat(type: string): string {
  const format = type.slice("audio/".length).replace(/;.*$/, "").replace(/^x-/, "");
  return format === "mpeg" ? "mp3" : format === "wave" ? "wav" : format;
}

/** The upstream wants a name for every file that comes as data. */
function filename(type: string): string {
  const plain = type.replace(/;.*$/, "");
  return `file.${EXTENSIONS.get(plain) ?? plain.slice(plain.indexOf("/") + 1).replace(/[^a-z0-9]/gi, "")}`;
}

// The client side of many streams, over plain sockets: fetch in this process would stop at 256.

import { connect } from "node:net";

declare const self: Worker;

self.onmessage = async ({ data: { url, streams } }: MessageEvent<{ url: string; streams: number }>) => {
  const target = new URL(url);
  const body = JSON.stringify({ model: "gpt-5.5", input: "SLOW 100\nLONG 50", stream: true });
  const head = `POST ${target.pathname} HTTP/1.1\r\nHost: ${target.host}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n`;
  const problems: string[] = [];
  let completed = 0;
  const one = () =>
    new Promise<void>((resolve) => {
      let tail = "";
      let status = "";
      const socket = connect(Number(target.port), target.hostname, () => socket.write(head + body));
      socket.on("data", (chunk) => {
        if (status === "") status = chunk.toString().slice(0, 15);
        tail = (tail + chunk.toString()).slice(-6000);
      });
      socket.on("error", (error) => problems.push(String(error)));
      socket.on("close", () => {
        if (tail.includes("event: response.completed")) completed++;
        else problems.push(`${status}: ${tail.slice(-200)}`);
        resolve();
      });
    });
  await Promise.all(Array.from({ length: streams }, one));
  postMessage({ completed, problems: problems.slice(0, 5) });
};

// One turn at the sandbox's backend with a given token, without anything of a gateway between.

/** Asks the sandbox's backend with this token: the status. */
export async function turn(url: string, token: string | undefined): Promise<number> {
  const answer = await fetch(`${url}/backend-api/codex/responses`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "gpt-5.5",
      instructions: "x",
      stream: true,
      store: false,
      input: [{ type: "message", role: "user", content: [{ type: "input_text", text: "hi" }] }],
    }),
  });
  await answer.text();
  return answer.status;
}

// Lets the streams of others have their turn between the long pieces of big requests.

let last: Promise<void> = Promise.resolve();

/** Resolves in a round of the event loop of its own: however many big requests there are, each round has one piece of one of them. */
export function othersFirst(): Promise<void> {
  last = last.then(round);
  return last;
}

const round = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

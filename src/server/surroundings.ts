// What the listener knows of a request that the request itself does not.

export interface Surroundings {
  /** Address of the socket's other end. */
  peerOf(request: Request): string;
  /** The server listens on a loopback address only. */
  loopback: boolean;
}

// The global scope of a worker's module, typed as far as it is used here: a package may not say by
// directive which globals its modules see.

/** What a worker's module has to talk to whoever started it. */
export interface WorkerScope {
  /** Takes the messages. */
  onmessage: ((event: MessageEvent) => void) | null;
  /** Sends a message; what it holds is copied, shared memory is shared. */
  postMessage(message: unknown): void;
  /** Ends the worker once the event loop turns. */
  close(): void;
}

/** The scope of the worker that imports this. */
export const self = globalThis as unknown as WorkerScope;

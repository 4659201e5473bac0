/** Bytes that stay as they are until they are given back. */
export interface KeptBytes {
  readonly bytes: Uint8Array;
  /** Gives them back: nobody looks at them any more. Once. */
  release(): void;
}

// Arrays of a few bytes, cut from larger pieces: one with memory of its own costs several times as much. A piece
// is there for as long as anything that was cut from it: what lasts should have memory of its own.

const PIECE_BYTES = 65_536;
const MOST_BYTES = 1024;
let piece = new Uint8Array(PIECE_BYTES);
let pieceUsed = 0;

/** @returns zeros that nobody has had before */
export function zeros(length: number): Uint8Array<ArrayBuffer> {
  if (length > MOST_BYTES) return new Uint8Array(length);
  if (pieceUsed + length > PIECE_BYTES) {
    piece = new Uint8Array(PIECE_BYTES);
    pieceUsed = 0;
  }
  const start = pieceUsed;
  pieceUsed = start + length + 7 & ~7;
  return piece.subarray(start, start + length);
}

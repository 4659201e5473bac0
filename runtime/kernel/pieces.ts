// Data that lies in several pieces.

/**
 * All of them, one behind the other; one alone stays what it is.
 * @param room makes the array that they go to, of so many bytes
 */
export function joined(
  pieces: Uint8Array[],
  room = (bytes: number) => new Uint8Array(bytes),
): Uint8Array {
  if (pieces.length === 1) return pieces[0];
  const all = room(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

// WebAssembly code as text, an instruction a line, as the text format has it: what the encoder writes, and no
// more than that.
import { W } from "./translator/wasm_opcodes.ts";

const TYPES: Record<number, string> = { 0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64" };
const PREFIXED = /^(i32|i64|f32|f64|local)_/;
const names = new Map<number, string>(
  Object.entries(W).map(([name, opcode]) => [opcode, name.replace(PREFIXED, "$1.")]),
);

/** Vector instructions with the number of a lane behind them. */
const EXTRACT_LANES = { first: 0x15, last: 0x22 };

/** A line of text, and where its bytes begin. */
export interface WasmLine {
  at: number;
  text: string;
}

/** @param code instructions without what surrounds them @throws RangeError for bytes that are none */
export function printWasm(code: Uint8Array): WasmLine[] {
  const view = new DataView(code.buffer, code.byteOffset, code.byteLength);
  const lines: WasmLine[] = [];
  let at = 0, depth = 0;
  const unsigned = (): number => {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = view.getUint8(at++);
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  const signed = (): bigint => {
    let value = 0n;
    for (let shift = 0n;; shift += 7n) {
      const byte = view.getUint8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asIntN(Number(shift) + 7, value);
    }
  };
  const operands = (opcode: number): string => {
    switch (opcode) {
      case W.block:
      case W.loop:
      case W.if: {
        const type = TYPES[view.getUint8(at++)];
        return type === undefined ? "" : ` (result ${type})`;
      }
      case W.br:
      case W.br_if:
      case W.call:
      case W.local_get:
      case W.local_set:
      case W.local_tee:
        return ` ${unsigned()}`;
      case W.br_table: {
        const targets = Array.from({ length: unsigned() + 1 }, unsigned);
        return ` ${targets.join(" ")}`;
      }
      case W.call_indirect: {
        const type = unsigned();
        return ` ${unsigned()} (type ${type})`;
      }
      case W.i32_const:
      case W.i64_const:
        return ` ${signed()}`;
      case W.f32_const:
        at += 4;
        return ` ${view.getFloat32(at - 4, true)}`;
      case W.f64_const:
        at += 8;
        return ` ${view.getFloat64(at - 8, true)}`;
    }
    if (opcode < W.i32_load || opcode > W.i64_store32) return "";
    unsigned();
    const offset = unsigned();
    return offset === 0 ? "" : ` offset=${offset}`;
  };
  while (at < code.length) {
    const start = at, opcode = view.getUint8(at++);
    let text: string;
    if (opcode === 0xfc) text = `saturating ${unsigned()}`;
    else if (opcode === 0xfd) {
      const vector = unsigned();
      const lane = vector >= EXTRACT_LANES.first && vector <= EXTRACT_LANES.last;
      text = `vector 0x${vector.toString(16)}${lane ? ` ${view.getUint8(at++)}` : ""}`;
    } else {
      const name = names.get(opcode);
      if (name === undefined) throw new RangeError(`Cannot print opcode 0x${opcode.toString(16)}`);
      text = name + operands(opcode);
    }
    if (opcode === W.end || opcode === W.else) depth--;
    lines.push({ at: start, text: "  ".repeat(Math.max(0, depth)) + text });
    if ([W.block, W.loop, W.if, W.else].includes(opcode as typeof W.block)) depth++;
  }
  return lines;
}

// The segment's name server (RFC 1035): it knows the names that the manifest gives, and no others.
import type { Access } from "./access.ts";
import { get16, put16 } from "../../network_order.ts";

const HEADER_BYTES = 12;
const TYPE_A = 1, TYPE_AAAA = 28, CLASS_IN = 1;
const RESPONSE = 0x8000, AUTHORITATIVE = 0x0400, RECURSION_DESIRED = 0x0100;
const RECURSION_AVAILABLE = 0x0080;
const OK = 0, NOT_THERE = 3, NOT_IMPLEMENTED = 4;
const TTL_SECONDS = 60;

/** @returns the answer to a query; undefined for what is none */
export function answerName(query: Uint8Array, access: Access): Uint8Array | undefined {
  if (query.length < HEADER_BYTES) return undefined;
  const flags = get16(query, 2);
  if ((flags & RESPONSE) !== 0 || get16(query, 4) !== 1) return undefined;
  const question = readQuestion(query);
  if (question === undefined) return undefined;
  const { name, end, type, inInternet } = question;
  const opcode = flags >> 11 & 15;
  const address = opcode === 0 && inInternet ? access.resolve(name) : undefined;
  const fits = address !== undefined &&
    (type === TYPE_A ? address.length === 4 : type === TYPE_AAAA && address.length === 16);
  const code = opcode !== 0 ? NOT_IMPLEMENTED : address === undefined ? NOT_THERE : OK;
  const answer = new Uint8Array(end + (fits ? 12 + address.length : 0));
  answer.set(query.subarray(0, end));
  const kept = flags & (RECURSION_DESIRED | 0x7800);
  put16(answer, 2, RESPONSE | AUTHORITATIVE | RECURSION_AVAILABLE | kept | code);
  put16(answer, 6, fits ? 1 : 0);
  put16(answer, 8, 0);
  put16(answer, 10, 0);
  if (!fits) return answer;
  // The name is that of the question, by its place (4.1.4).
  put16(answer, end, 0xc000 | HEADER_BYTES);
  put16(answer, end + 2, type);
  put16(answer, end + 4, CLASS_IN);
  put16(answer, end + 8, TTL_SECONDS);
  put16(answer, end + 10, address.length);
  answer.set(address, end + 12);
  return answer;
}

interface Question {
  name: string;
  type: number;
  inInternet: boolean;
  /** first byte behind it */
  end: number;
}

function readQuestion(query: Uint8Array): Question | undefined {
  const labels: string[] = [];
  let at = HEADER_BYTES;
  for (; at < query.length && query[at] !== 0; at += 1 + query[at]) {
    const length = query[at];
    if (length > 63 || at + 1 + length > query.length) return undefined;
    labels.push(String.fromCharCode(...query.subarray(at + 1, at + 1 + length)));
  }
  const end = at + 5;
  if (end > query.length || at - HEADER_BYTES > 255) return undefined;
  return {
    name: labels.join("."),
    type: get16(query, at + 1),
    inInternet: get16(query, at + 3) === CLASS_IN,
    end,
  };
}

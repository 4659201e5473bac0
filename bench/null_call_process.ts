// The null-call server as a process. Argument: ring and shape as JSON.
import { MemoryOpener } from "../runtime/hypervisor/memory/opener.ts";
import { serveNullCalls } from "./null_call_server.ts";

const { ring, shape } = JSON.parse(Deno.args[0]);
const opener = new MemoryOpener();
const memory = opener.open(ring).buffer;
opener.seal();
serveNullCalls(memory, shape);

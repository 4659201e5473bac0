// The null-call server as a worker. Message: the ring's memory and shape.
import { self } from "../runtime/boot/worker_scope.ts";
import { serveNullCalls } from "./null_call_server.ts";

self.onmessage = ({ data }: MessageEvent) => {
  serveNullCalls(data.memory, data.shape);
  self.close();
};

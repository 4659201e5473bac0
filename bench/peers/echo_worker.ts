// Answers its maker in the two ways that the platform offers: by messages, and by Atomics.wait.
import { self } from "../../runtime/boot/worker_scope.ts";

/** Words that the two sides share: what is asked, what is answered. */
const QUESTION = 0, ANSWER = 1;

self.onmessage = ({ data }: MessageEvent) => {
  if (!(data instanceof SharedArrayBuffer)) return self.postMessage(data);
  const words = new Int32Array(data);
  for (let question = 1; question > 0;) {
    Atomics.wait(words, QUESTION, question - 1);
    question = Atomics.load(words, QUESTION);
    Atomics.store(words, ANSWER, question);
    Atomics.notify(words, ANSWER);
    question = question < 0 ? 0 : question + 1;
  }
  self.close();
};

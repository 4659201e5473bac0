// For tests: what a command prints on standard output.
import process from "node:process";

/** Runs `body`; what is printed meanwhile is returned instead. */
export async function captureOutput(body: () => unknown): Promise<string> {
  const { write } = process.stdout;
  const { log } = console;
  let printed = "";
  process.stdout.write = (text: string | Uint8Array) => {
    printed += text;
    return true;
  };
  console.log = (text: string) => void (printed += `${text}\n`);
  try {
    await body();
  } finally {
    process.stdout.write = write;
    console.log = log;
  }
  return printed;
}

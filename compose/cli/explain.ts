// `compose explain`: what a code means.
import { Command } from "@cliffy/command";
import { suggest } from "../diagnostic/suggest.ts";
import { explanations } from "../mod.ts";
import { Exit, type Shared } from "./input.ts";

export const explainCommand = new Command()
  .description("Explain the code of a diagnostic.")
  .arguments("<code:string>")
  .example("Explain", "compose explain E0207")
  .action((options: Shared, given: string) => {
    const code = given.toUpperCase();
    const text = explanations[code];
    if (text === undefined) {
      console.error(
        `compose: no diagnostic has the code ${given}; ${
          suggest(code, Object.keys(explanations)) ?? "codes look like E0207"
        }`,
      );
      Deno.exit(Exit.USAGE);
    }
    console.log(options.json ? JSON.stringify({ code, text }) : `${code}: ${text}`);
  });

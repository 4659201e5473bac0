// Stand-in for @std/cli 1.0.32.
export { type Args, parseArgs, type ParseOptions } from "./parse_args.ts";

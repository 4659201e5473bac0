// The program of a domain isolated by a process.
import { StatusPage } from "../../hypervisor/status_page.ts";
import { becomeDomain } from "./become_domain.ts";
import { runDomain } from "./domain_main.ts";
import { failureText } from "../failure_text.ts";

const { grant, opened } = becomeDomain();
try {
  runDomain(grant, opened, (line) => console.log(line));
} catch (failure) {
  new StatusPage(opened.status).fail(failureText(failure));
  Deno.exit(1);
}
Deno.exit(0);

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { withFolder } from "../../../tests/fixtures/boot_harness.ts";
import { Claim, forgetSystem, isRunning, listSystems, NameTaken } from "./system_folder.ts";

const record = { name: "web", file: "/srv/web.yaml", pid: 42, startedMs: 5, gracesMs: [] };

Deno.test("a name is one process's until it gives it back; its end can be read, and forgotten", () =>
  withFolder(async (folder) => {
    const claim = await Claim.take(record, folder);
    const [entry] = listSystems(folder);
    assertEquals(entry, { ...record, folder: `${folder}/web` });
    assertEquals(isRunning(entry), true);
    await assertRejects(() => Claim.take({ ...record, pid: 43 }, folder), NameTaken, "process 42");
    forgetSystem(entry);
    assertEquals(listSystems(folder).length, 1);
    claim.leave({ status: 3, endedMs: 9 });
    const [ended] = listSystems(folder);
    assertEquals([isRunning(ended), ended.end], [false, { status: 3, endedMs: 9 }]);
    (await Claim.take({ ...record, pid: 44 }, folder)).forget();
    assertEquals([...Deno.readDirSync(folder)], []);
    forgetSystem(ended);
  }));

Deno.test("what a process left that ended without a word is cleaned up", () =>
  withFolder((folder) => {
    Deno.mkdirSync(`${folder}/dead`);
    Deno.writeTextFileSync(`${folder}/dead/lock`, "");
    Deno.writeTextFileSync(`${folder}/dead/record.json`, JSON.stringify(record));
    assertEquals(listSystems(folder), []);
    assertEquals([...Deno.readDirSync(folder)], []);
    return Promise.resolve();
  }));

Deno.test("of several who want a name at once, one has it", () =>
  withFolder(async (folder) => {
    const claims = await Promise.allSettled(
      [1, 2, 3, 4].map((pid) => Claim.take({ ...record, pid }, folder)),
    );
    assertEquals(claims.map(({ status }) => status).sort(), [
      "fulfilled",
      "rejected",
      "rejected",
      "rejected",
    ]);
    for (const claim of claims) if (claim.status === "fulfilled") claim.value.forget();
  }));

Deno.test("a folder that others can reach is not used", () =>
  withFolder((folder) => {
    Deno.chmodSync(folder, 0o755);
    assertThrows(() => listSystems(folder), Error, "open to others");
    Deno.chmodSync(folder, 0o700);
    Deno.symlinkSync(folder, `${folder}/link`);
    assertThrows(() => listSystems(`${folder}/link`), Error, "not yours");
    return Promise.resolve();
  }));

Deno.test("a socket whose path is too long is refused with a reason", () =>
  withFolder(async (folder) => {
    const name = "n".repeat(100);
    await assertRejects(() => Claim.take({ ...record, name }, folder), Error, "path is too long");
  }));

// Every cause that this IOMMU records (RISC-V IOMMU specification 1.0, table 11), one access each, from
// tables written by hand: which cause, which addresses, and that nothing was translated.
import { assertEquals } from "@std/assert";
import { PhysicalMemory } from "../physical_memory.ts";
import { Cause, Context, CONTEXT_BYTES, DirectoryMode, makePte, Pte } from "./format.ts";
import { Iommu } from "./iommu.ts";

const DEVICE = 3;
const BASE = 0x8000_0000;
const BYTES = 1 << 20;
const DIRECTORY = BASE, FAULTS = BASE + 0x1000;
/** First stage: root, middle, leaf table; they are at the same address behind the second stage. */
const ROOT = BASE + 0x2000, MIDDLE = BASE + 0x3000, LEAF = BASE + 0x4000;
/** Second stage: four pages of root, then a middle table and a leaf table. */
const SECOND_ROOT = BASE + 0x8000, SECOND_MIDDLE = BASE + 0xc000, SECOND_LEAF = BASE + 0xd000;
const DATA = BASE + 0x2_0000;
const IOVA = 0x1000;
const SV39 = 8;
const { V, R, W, X, U, A, D } = Pte;
const ALL = V | R | W | U | A | D;

/** A device behind both stages that may reach one page; `change` breaks something. */
class Setup {
  readonly memory = new PhysicalMemory();
  readonly iommu: Iommu;
  readonly #view: DataView;
  directoryMode: number = DirectoryMode.ONE_LEVEL;
  directory = DIRECTORY;
  device = DEVICE;
  iova = IOVA;

  constructor() {
    const buffer = new ArrayBuffer(BYTES);
    this.memory.add(BASE, buffer);
    this.#view = new DataView(buffer);
    this.iommu = new Iommu(this.memory);
    this.iommu.faults.configure(FAULTS, 8);
    this.context(Context.TC, 1, 0);
    this.root(Context.FSC, ROOT, SV39);
    this.root(Context.IOHGATP, SECOND_ROOT, SV39);
    this.entry(ROOT, 0, MIDDLE, V);
    this.entry(MIDDLE, 0, LEAF, V);
    this.entry(LEAF, IOVA / 4096, DATA, ALL);
    this.entry(SECOND_ROOT, BASE / 2 ** 30, SECOND_MIDDLE, V);
    this.entry(SECOND_MIDDLE, 0, SECOND_LEAF, V);
    for (const page of [ROOT, MIDDLE, LEAF, DATA]) this.second(page, ALL);
  }

  entry(table: number, index: number, target: number, flags: number): void {
    const [low, high] = makePte(target, flags);
    this.#view.setUint32(table + index * 8 - BASE, low, true);
    this.#view.setUint32(table + index * 8 + 4 - BASE, high, true);
  }

  /** How the second stage maps a page of the first to itself. */
  second(page: number, flags: number): void {
    this.entry(SECOND_LEAF, (page - BASE) / 4096, page, flags);
  }

  leaf(flags: number): void {
    this.entry(LEAF, IOVA / 4096, DATA, flags);
  }

  /** Sets a bit of the high word of the leaf entry. */
  reserved(bit: number): void {
    this.#view.setUint32(LEAF + IOVA / 4096 * 8 + 4 - BASE, 2 ** (bit - 32), true);
  }

  context(offset: number, low: number, high: number): void {
    const at = DIRECTORY + DEVICE * CONTEXT_BYTES + offset - BASE;
    this.#view.setUint32(at, low, true);
    this.#view.setUint32(at + 4, high, true);
  }

  root(offset: number, address: number, mode: number): void {
    this.context(offset, address / 4096, mode << 28);
  }

  access(write: boolean): unknown {
    this.iommu.setDirectory(this.directoryMode, this.directory);
    return this.iommu.view(this.device, this.iova, 8, write);
  }
}

interface Refusal {
  name: string;
  change(setup: Setup): void;
  read?: number;
  write?: number;
  /** `iotval2` */
  guest?: number;
}

const pageFault = { read: Cause.LOAD_PAGE_FAULT, write: Cause.STORE_PAGE_FAULT };
const guestFault = { read: Cause.LOAD_GUEST_PAGE_FAULT, write: Cause.STORE_GUEST_PAGE_FAULT };
const accessFault = { read: Cause.LOAD_ACCESS_FAULT, write: Cause.STORE_ACCESS_FAULT };
const both = (cause: number) => ({ read: cause, write: cause });
const misconfigured = both(Cause.DDT_MISCONFIGURED);
/** `iotval2` bit 0: the second stage refused the walk of the first, not the page itself */
const IMPLICIT = 1;

const refusals: Refusal[] = [
  { name: "no directory", change: (it) => it.directoryMode = DirectoryMode.OFF, ...both(256) },
  { name: "a directory that is not in memory", change: (it) => it.directory = 0, ...both(257) },
  {
    name: "a context that is not valid",
    change: (it) => it.context(Context.TC, 0, 0),
    ...both(258),
  },
  { name: "a device beyond the directory", change: (it) => it.device = 128, ...both(260) },
  // tc: ATS, PRI, T2GPA, process directory, SADE; then reserved bits of it.
  ...[1, 2, 3, 5, 7, 8, 31].map((bit) => ({
    name: `tc bit ${bit}`,
    change: (it: Setup) => it.context(Context.TC, (1 | 1 << bit) >>> 0, 0),
    ...misconfigured,
  })),
  { name: "tc bit 32", change: (it) => it.context(Context.TC, 1, 1), ...misconfigured },
  { name: "reserved bits of ta", change: (it) => it.context(Context.TA, 1, 0), ...misconfigured },
  {
    name: "reserved bits of fsc",
    change: (it) => it.context(Context.FSC, ROOT / 4096, (SV39 << 28 | 1 << 12) >>> 0),
    ...misconfigured,
  },
  { name: "Sv48 in fsc", change: (it) => it.root(Context.FSC, ROOT, 9), ...misconfigured },
  { name: "Sv48x4 in iohgatp", change: (it) => it.root(Context.IOHGATP, 0, 9), ...misconfigured },
  {
    name: "a second-stage root that is not aligned to 16 KiB",
    change: (it) => it.root(Context.IOHGATP, SECOND_ROOT + 4096, SV39),
    ...misconfigured,
  },
  { name: "a leaf that is not valid", change: (it) => it.leaf(0), ...pageFault },
  { name: "write without read", change: (it) => it.leaf(ALL & ~R), ...pageFault },
  { name: "a page of the supervisor", change: (it) => it.leaf(ALL & ~U), ...pageFault },
  { name: "a page not accessed yet", change: (it) => it.leaf(ALL & ~A), ...pageFault },
  { name: "a page not dirty yet", change: (it) => it.leaf(ALL & ~D), write: pageFault.write },
  { name: "a page to read", change: (it) => it.leaf(ALL & ~W), write: pageFault.write },
  { name: "a page to execute", change: (it) => it.leaf(V | X | U | A | D), ...pageFault },
  { name: "a reserved bit", change: (it) => it.reserved(54), ...pageFault },
  {
    name: "a table that says it was accessed",
    change: (it) => it.entry(MIDDLE, 0, LEAF, V | A),
    ...pageFault,
  },
  {
    name: "a superpage that is not aligned",
    change: (it) => it.entry(MIDDLE, 0, DATA, ALL),
    ...pageFault,
  },
  {
    name: "a table below the last level",
    change: (it) => it.leaf(V),
    ...pageFault,
  },
  { name: "an address beyond Sv39", change: (it) => it.iova = 2 ** 38, ...pageFault },
  {
    name: "a page the second stage does not have",
    change: (it) => it.second(DATA, 0),
    ...guestFault,
    guest: DATA + 8,
  },
  {
    name: "a page the second stage has for reading",
    change: (it) => it.second(DATA, ALL & ~W),
    write: guestFault.write,
    guest: DATA + 8,
  },
  {
    name: "a first-stage table the second stage does not have",
    change: (it) => it.second(LEAF, 0),
    ...guestFault,
    guest: LEAF + IOVA / 4096 * 8 + IMPLICIT,
  },
  {
    name: "a page beyond the second stage",
    change: (it) => it.entry(LEAF, IOVA / 4096, 2 ** 41, ALL),
    ...guestFault,
    guest: 2 ** 41 + 8,
  },
  {
    name: "a first-stage root beyond memory",
    change: (it) => {
      it.root(Context.IOHGATP, 0, 0);
      it.root(Context.FSC, 0x4000_0000, SV39);
    },
    ...accessFault,
  },
  {
    name: "a second-stage table beyond memory",
    change: (it) => it.entry(SECOND_ROOT, BASE / 2 ** 30, 0x4000_0000, V),
    ...accessFault,
  },
  {
    name: "a page beyond memory",
    change: (it) => {
      it.root(Context.IOHGATP, 0, 0);
      it.entry(LEAF, IOVA / 4096, 0x4000_0000, ALL);
    },
    ...accessFault,
  },
];

for (const { name, change, read, write, guest } of refusals) {
  for (const [writing, cause] of [[false, read], [true, write]] as const) {
    Deno.test(`${writing ? "write" : "read"}: ${name}: ${cause ?? "allowed"}`, () => {
      const setup = new Setup();
      change(setup);
      setup.iova += 8;
      const views = setup.access(writing) as Uint8Array[] | undefined;
      const record = setup.iommu.faults.take();
      if (cause === undefined) {
        assertEquals([views?.length, record], [1, undefined]);
        return;
      }
      assertEquals(views, undefined);
      assertEquals(record, {
        cause,
        type: writing ? 3 : 2,
        deviceId: setup.device,
        address: setup.iova,
        guestAddress: guest ?? 0,
      });
      assertEquals(setup.iommu.faultCount(setup.device), setup.device === DEVICE ? 1 : 0);
    });
  }
}

Deno.test("every cause of the table can be raised", () => {
  const raised = new Set(refusals.flatMap(({ read, write }) => [read, write]));
  assertEquals(Object.values(Cause).filter((cause) => !raised.has(cause)), []);
});

Deno.test("with faults disabled, those of translation are not recorded and those of the context are", () => {
  const DISABLE_FAULTS = 1 << 4;
  const refused = (change: (setup: Setup) => void) => {
    const setup = new Setup();
    setup.context(Context.TC, 1 | DISABLE_FAULTS, 0);
    change(setup);
    assertEquals(setup.access(true), undefined);
    return setup.iommu.faults.take()?.cause;
  };
  assertEquals(refused((it) => it.leaf(0)), undefined);
  assertEquals(refused((it) => it.second(DATA, 0)), undefined);
  assertEquals(refused((it) => it.context(Context.TC, DISABLE_FAULTS, 0)), Cause.DDT_INVALID);
});

Deno.test("bare stages: the first alone, the second alone, none", () => {
  const reached = (change: (setup: Setup) => void) => {
    const setup = new Setup();
    change(setup);
    const [view] = setup.access(false) as Uint8Array[];
    return BASE + view.byteOffset;
  };
  assertEquals(reached((it) => it.root(Context.IOHGATP, 0, 0)), DATA);
  assertEquals(
    reached((it) => {
      it.root(Context.FSC, 0, 0);
      it.iova = DATA;
    }),
    DATA,
  );
  assertEquals(
    reached((it) => {
      it.directoryMode = DirectoryMode.BARE;
      it.iova = DATA + 8;
    }),
    DATA + 8,
  );
});

Deno.test("a full fault queue drops what comes, and says so until a record is taken", () => {
  const setup = new Setup();
  setup.leaf(0);
  for (let access = 0; access < 8; access++) setup.access(false);
  const { faults } = setup.iommu;
  assertEquals(faults.overflow, true);
  for (let taken = 0; taken < 7; taken++) assertEquals(faults.take()?.cause, pageFault.read);
  assertEquals([faults.take(), faults.overflow], [undefined, false]);
  assertEquals(setup.iommu.faultCount(DEVICE), 8);
});

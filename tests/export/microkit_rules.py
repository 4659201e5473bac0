# The rules of the Microkit's manual for system descriptions, as far as they can be checked without programs: prints
# what is wrong with the one on standard input, a line each; nothing where nothing is.
import sys
import xml.etree.ElementTree as ElementTree

PAGE_SIZES = (0x1000, 0x200000)  # 64-bit RISC-V
ATTRIBUTES = {
    "system": set(),
    "memory_region": {"name", "size", "page_size", "phys_addr"},
    "protection_domain": {"name", "priority", "budget", "period", "passive", "stack_size", "id"},
    "program_image": {"path"},
    "map": {"mr", "vaddr", "perms", "cached", "setvar_vaddr", "setvar_size"},
    "irq": {"irq", "id", "trigger"},
    "setvar": {"symbol", "region_paddr"},
    "channel": set(),
    "end": {"pd", "id", "pp", "notify"},
}
CHILDREN = {
    "system": {"memory_region", "protection_domain", "channel"},
    "protection_domain": {"program_image", "map", "irq", "setvar", "protection_domain"},
    "channel": {"end"},
}

system = ElementTree.fromstring(sys.stdin.read())


def wrong(text):
    print(text)


def number(text):
    return int(text, 0)


def shape(node):
    for attribute in node.attrib.keys() - ATTRIBUTES.get(node.tag, set()):
        wrong(f"{node.tag} has no attribute {attribute}")
    for child in node:
        if child.tag not in CHILDREN.get(node.tag, set()):
            wrong(f"{node.tag} has no {child.tag} in it")
        shape(child)


def unique(what, values):
    for value in {value for value in values if values.count(value) > 1}:
        wrong(f"{what} {value} is there more than once")


def overlaps(what, ranges):
    ranges = sorted(ranges)
    for (_, end, left), (start, _, right) in zip(ranges, ranges[1:]):
        if start < end:
            wrong(f"{what}: {left} and {right} overlap")


shape(system)
regions = {region.get("name"): region for region in system.findall("memory_region")}
domains = {domain.get("name"): domain for domain in system.iter("protection_domain")}
unique("name", [region.get("name") for region in system.findall("memory_region")])
unique("name", [domain.get("name") for domain in system.iter("protection_domain")])
if len(domains) > 63:
    wrong("there are more than 63 protection domains")
for name, region in regions.items():
    page = number(region.get("page_size"))
    if page not in PAGE_SIZES:
        wrong(f"{name} has pages of {page}")
    for field in ("size", "phys_addr"):
        if number(region.get(field, "0")) % page:
            wrong(f"{field} of {name} is no multiple of its pages")
overlaps("physical memory", [
    (number(region.get("phys_addr")), number(region.get("phys_addr")) + number(region.get("size")), name)
    for name, region in regions.items() if region.get("phys_addr")
])

channels = {name: [] for name in domains}
for name, domain in domains.items():
    if len(domain.findall("program_image")) != 1:
        wrong(f"{name} has not one program image")
    if not 0 <= number(domain.get("priority")) <= 254:
        wrong(f"priority of {name}")
    mapped = []
    for each in domain.findall("map"):
        region, start = regions.get(each.get("mr")), number(each.get("vaddr"))
        if region is None:
            wrong(f"{name} maps {each.get('mr')}, which is not there")
            continue
        if start % number(region.get("page_size")):
            wrong(f"{name} maps {each.get('mr')} at no multiple of its pages")
        if not set(each.get("perms")) <= set("rwx") or each.get("perms") == "w":
            wrong(f"permissions of {each.get('mr')} in {name}")
        if region.get("phys_addr") and each.get("cached") != "false":
            wrong(f"{name} maps the registers {each.get('mr')} cached")
        mapped.append((start, start + number(region.get("size")), each.get("mr")))
    overlaps(f"mappings of {name}", mapped)
    for each in domain.findall("setvar"):
        if each.get("region_paddr") not in regions:
            wrong(f"{name} wants the address of {each.get('region_paddr')}")
    channels[name] += [int(each.get("id")) for each in domain.findall("irq")]
    children = [child.get("id") for child in domain.findall("protection_domain")]
    if None in children:
        wrong(f"a child of {name} has no id")
    unique(f"child of {name}:", children)
unique("interrupt", [each.get("irq") for each in system.iter("irq")])
for channel in system.findall("channel"):
    ends = channel.findall("end")
    if len(ends) != 2:
        wrong("a channel has not two ends")
        continue
    for end, other in (ends, ends[::-1]):
        if end.get("pd") not in domains:
            wrong(f"a channel ends at {end.get('pd')}, which is not there")
            continue
        channels[end.get("pd")].append(int(end.get("id")))
        caller, callee = (number(domains[one.get("pd")].get("priority")) for one in (end, other))
        if end.get("pp") == "true" and callee <= caller:
            wrong(f"{end.get('pd')} calls {other.get('pd')}, which is not above it")
for name, ids in channels.items():
    unique(f"channel of {name}:", ids)
    for each in ids:
        if not 0 <= each < 63:
            wrong(f"channel {each} of {name}")

# Who has what, for the plan to be compared with: a line each.
if sys.argv[1:] == ["shares"]:
    for name in sorted(regions):
        holders = [domain for domain in domains if any(
            each.get("mr") == name for each in domains[domain].findall("map"))]
        print(name, regions[name].get("size"), regions[name].get("phys_addr"), *sorted(holders))

// What `compose explain CODE` says: what the rule holds, and why.

export const explanations: Record<string, string> = {
  E0101:
    "The file is not valid YAML: often an indentation, an unclosed bracket or quote. Of what YAML has, manifests do without tags, several documents, and aliases for what they are in.",
  E0102:
    "A map names the same key twice. YAML readers disagree on which of the two counts, so neither may.",
  E0103:
    "A field that manifests do not have. It would be ignored, and the system would not be what was meant.",
  E0104: "A value of another type than its field takes.",
  E0105: "A field without default is missing.",
  E0106: "The field takes one of a few words, and this is none of them.",
  E0107:
    "Sizes need a unit of B, KiB, MiB, GiB, TiB; durations one of us, ms, s as far as the field allows.",
  E0108: "The value is outside its range. schemas/limits.ts has every range with its reason.",
  E0109:
    "Names are used in file names, addresses and messages, so their characters are few. Other texts have a form, too: addresses, paths.",
  E0110: "Ring indexes wrap by a mask, so the depth is a power of two.",
  E0111: "A manifest includes itself, directly or through others.",
  E0112:
    "Two ways lead to the same included manifest. Which of them wins would depend on the order; include it once.",
  E0113: "An included manifest cannot be read.",
  E0114: "What is included is a manifest of the same kind; a part that says no kind is of any.",
  E0201: "A slice or domain lists a component that the catalogue does not have.",
  E0202: "A domain lists a slice that is not declared under slices.",
  E0203: "A domain lists a device that is not declared under machine.devices.",
  E0204: "A mount names a slice that is not declared under slices.",
  E0205: "A slice runs in one place. For two instances, declare two slices.",
  E0206: "Two components of one name in one domain cannot be told apart.",
  E0207: "A device belongs to one domain: the IOMMU maps that domain's memory and no other.",
  E0208: "The component keeps state of user processes, which run in the primary domain.",
  E0209: "A device that belongs to nobody could touch nothing.",
  E0210: "User programs run in the primary domain; one has to be.",
  E0211: "There is one primary domain: descriptor, process and mount tables are in one place.",
  E0212: "The primary is what the others are isolated from; it runs beside the hart.",
  E0213: "The owner of a device needs the driver: nobody else can reach its registers.",
  E0214: "A driver needs a device of its model in its own domain.",
  E0215:
    "A domain or a slice that holds nothing does nothing. Often its name is mistyped, and another one was meant.",
  E0301: "A component needs an interface that no component of the machine provides.",
  E0302:
    "Several components provide what is needed once. The nearest wins: the same slice, then the same domain.",
  E0303:
    "The two sides of this interface share data structures, so it cannot be carried by a ring.",
  E0304: "Domains that call each other in a circle can all wait for ever.",
  E0305:
    "A ring between two service domains is memory of both: a process and a worker have none in common. The primary shares memory with either.",
  E0306:
    "A ring has room for arena / depth bytes in each of its slots; the largest thing that crosses has to fit into one.",
  E0401: "The domains' memory and the rings do not fit into the machine.",
  E0402: "What domains and rings leave of the memory is too little to run programs in.",
  E0501: "A restartable domain has to say what its callers get while it is down: retry or error.",
  E0502: "Policy fail ends the machine with the domain, so a promise to callers means nothing.",
  E0503: "The domain shares an address space with the primary and cannot fail or restart alone.",
  E0504:
    "With retry the callers keep what the server has not made durable. They follow one journal a server, so a VFS over two would let acknowledged changes be lost.",
  E0601: "The disk's image is missing and nothing says to create it.",
  E0602: "Two disks with one image, or one file for their changes, would write over each other.",
  E0603: "A virtio-blk device needs an image.",
  E0604: "Only virtio-blk devices have images.",
  E0605: "A disk has an image, or a root file system that is made: not both.",
  E0606: "A root file system is made of packages, a folder, an archive or an image: one of them.",
  E0607: "A folder, archive, image or file that a root file system is made of is missing.",
  E0608: "Links and files are added to a root file system at absolute paths, one thing at each.",
  E0609: "A disk that refuses writes has no changes, so there is nothing to keep of them.",
  E0610:
    "An image of a disk, or a folder, archive, image or file that its root file system is made of, cannot be read or is something else.",
  E0701: "Mount points are absolute, without empty parts, . and ...",
  E0702: "Programs need a root directory.",
  E0704: "A mount names a file system that no slice or domain has.",
  E0705: "Several components could be mounted here; the slice tells them apart.",
  E0706: "One file system component is mounted once.",
  E0707:
    "Paths lead to a file system through a vfs, which has those of its slice, or of its domain. One that no vfs has cannot be reached.",
  E0801:
    "A program is a file of the machine, or a module of the host; the module is missing, or is none.",
  E0802: "A program declares a system call that no placed component serves; it would get ENOSYS.",
  E0803: "More of these than a machine can have.",
  E0804: "What the host reads goes to one program: two would each get a part of it.",
  E0805: "A program waits for one that the manifest does not have.",
  E0806: "Programs that wait for each other in a circle never start.",
  E0807: "A program waits until another one works, and nothing says how to tell.",
  E0808: "A program that is always started again never finishes, so nobody can wait for that.",
  E0809: "Whether a program works is told by another program, or by a port: one of them.",
  E0810:
    "What asks whether a program works runs on the machine, so it is a file of the machine: its path is absolute.",
  E0811: "A port can be asked only on a machine that has sockets.",
  E0812:
    "What the host reads comes once: a program that is started again would find its input at some other place, or at its end.",
  E0901: "Only a network device is connected to something, and has addresses and frames.",
  E0902: "A network device has one cable, and one thing at its other end.",
  E0903:
    "Addresses are written as in RFC 4291 and RFC 5952, those with a port as address:port, and IPv6 ones before a port in brackets. Ports are 1 to 65535.",
  E0904: "A port of the host leads to one port of one machine.",
  E0905:
    "A gateway is reached over the network that the interface is in, so it has an address of it.",
  E1101: "An experiment names a system or a parameter that it does not have.",
  E1102: "A constraint or the baseline asks for a value that the parameter never has.",
  E1103:
    "A figure is read by a regular expression with a group of the figure's name: (?<rate>[0-9.]+).",
  E1104:
    "A workload has figures, each read of its output or of the machine's report: one of the two.",
  E1105:
    "A parameter sets a field of a domain, slice, device or program that none of the systems has.",
  E1106: "Arguments of a workload name parameters as ${name}; there is none of this name.",
  E1107: "An experiment has to have something to run, and each value of a parameter once.",
  E1108: "Runs go on from `repetitions` to `stop.most`, so that cannot be less.",
  E1109: "Constraints and the baseline call the system and the workload by these names.",
  E1110:
    "A workload that the host runs is a command of the host, and uses what a program of the machine offers at a port.",
  E1111:
    "A parameter that sets no field and that no workload names makes no difference: each value would be the same run.",
  E1201: "A fault is in a domain or in a device: one of the two.",
  E1202:
    "A fault names a device that the machine does not have, or something that is no service domain.",
  E1203: "Domains go wrong in other ways than devices, and disks in others than networks.",
  E1204:
    "A fault happens after so many requests, at a time, or at moments drawn from a seed: one of them.",
  E1205:
    "Requests are called as the domain or the device gets them. The primary keeps positions and descriptors, so a domain is asked for pread64 where a program reads.",
  E1206: "Answers are late by some time, and of frames a part is lost; nothing else is.",
  E1207:
    "A fault is brought about only where the machine is there to go on: the way in which the domain is kept apart has to contain it.",
  W0301:
    "A component that nobody asks for anything takes memory and does nothing. Often a slice has one of its kind already.",
  W0501:
    "A worker that loops cannot be stopped from outside, and one that runs out of heap ends the whole machine.",
  W0801:
    "`run` is the path of a program, not a line for a shell: arguments are a list of their own.",
  W0802:
    "A path that begins with / is one of the machine. Modules of the host are relative to the manifest, or file:// addresses.",
};

# Has Xen's own parser (libxlutil) read the domain configuration that is the first argument, and prints what it found as
# JSON: strings, numbers, lists, and its disks as Xen understands them.
import ctypes, glob, json, sys

libraries = sorted(glob.glob("/usr/lib/*/libxlutil.so.*.*"))
if sys.argv[1:] == []:
    sys.exit(0 if libraries else 1)
xlu = ctypes.CDLL(libraries[-1])
libc = ctypes.CDLL(None)
libc.fopen.restype = xlu.xlu_cfg_init.restype = ctypes.c_void_p
xlu.xlu_cfg_get_listitem.restype = ctypes.c_char_p

path = sys.argv[1].encode()
report = ctypes.c_void_p(libc.fopen(b"/dev/stderr", b"w"))
config = ctypes.c_void_p(xlu.xlu_cfg_init(report, path))
if xlu.xlu_cfg_readfile(config, path) != 0:
    libc.fflush(report)
    sys.exit(1)


def string(name):
    value = ctypes.c_char_p()
    failed = xlu.xlu_cfg_get_string(config, name, ctypes.byref(value), 0)
    return None if failed else value.value.decode()


def number(name):
    value = ctypes.c_long()
    failed = xlu.xlu_cfg_get_long(config, name, ctypes.byref(value), 0)
    return None if failed else value.value


def items(name):
    values, count = ctypes.c_void_p(), ctypes.c_int()
    if xlu.xlu_cfg_get_list(config, name, ctypes.byref(values), ctypes.byref(count), 0):
        return []
    return [xlu.xlu_cfg_get_listitem(values, index).decode() for index in range(count.value)]


class Disk(ctypes.Structure):
    """The first fields of libxl_device_disk; what follows has room."""
    _fields_ = [("backend", ctypes.c_uint32), ("name", ctypes.c_char_p), ("path", ctypes.c_char_p),
                ("device", ctypes.c_char_p), ("rest", ctypes.c_uint8 * 4096)]


def disk(text):
    found = Disk()
    specs = (ctypes.c_char_p * 1)(text.encode())
    if xlu.xlu_disk_parse(config, 1, specs, ctypes.byref(found)) != 0:
        libc.fflush(report)
        sys.exit(1)
    return {"path": found.path.decode(), "device": found.device.decode()}


print(json.dumps({
    **{name: string(name.encode()) for name in ["name", "type", "kernel", "on_crash", "on_watchdog"]},
    **{name: number(name.encode()) for name in ["memory", "maxmem", "vcpus"]},
    "iomem": items(b"iomem"),
    "vif": items(b"vif"),
    "disk": [disk(text) for text in items(b"disk")],
}))

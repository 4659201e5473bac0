# Carries out file operations on the host's file system: the oracle of file_operations_test.ts.
# Input: {"root": folder, "ops": [[name, ...arguments], ...]}; output: one result for each.
import errno, hashlib, json, os, stat, sys

task = json.load(sys.stdin)
os.umask(0)
os.chdir(task["root"])
slots = {}


def close(slot):
    if slot in slots:
        os.close(slots.pop(slot))


def show(status):
    kind = stat.S_IFMT(status.st_mode)
    shown = [oct(status.st_mode)]
    if kind == stat.S_IFREG:
        shown += [status.st_nlink, status.st_size]
    return shown


def contents(data):
    return [len(data), hashlib.sha1(data).hexdigest()]


def run(name, *arguments):
    if name == "open":
        slot, path, flags, mode = arguments
        close(slot)
        slots[slot] = os.open(path, flags, mode)
    elif name == "close":
        close(*arguments)
    elif name == "pwrite":
        slot, offset, length, byte = arguments
        return os.pwrite(slots[slot], bytes([byte]) * length, offset)
    elif name == "write":
        slot, length, byte = arguments
        return os.write(slots[slot], bytes([byte]) * length)
    elif name == "pread":
        slot, offset, length = arguments
        return contents(os.pread(slots[slot], length, offset))
    elif name == "read":
        slot, length = arguments
        return contents(os.read(slots[slot], length))
    elif name == "lseek":
        slot, offset, whence = arguments
        # What positions of directories mean is each file system's own.
        if not stat.S_ISREG(os.fstat(slots[slot]).st_mode):
            return "no file"
        return os.lseek(slots[slot], offset, whence)
    elif name == "fallocate":
        slot, offset, length = arguments
        os.posix_fallocate(slots[slot], offset, length)
    elif name == "ftruncate":
        slot, size = arguments
        os.ftruncate(slots[slot], size)
    elif name == "fstat":
        return show(os.fstat(slots[arguments[0]]))
    elif name == "stat":
        return show(os.stat(arguments[0]))
    elif name == "lstat":
        return show(os.lstat(arguments[0]))
    elif name == "readdir":
        return sorted(os.listdir(arguments[0]))
    elif name == "readlink":
        return os.readlink(arguments[0])
    else:
        getattr(os, name)(*arguments)
    return "ok"


results = []
for operation in task["ops"]:
    try:
        results.append(run(*operation))
    except OSError as failure:
        results.append(errno.errorcode[failure.errno])
    except KeyError:
        results.append("no slot")
json.dump(results, sys.stdout)

# A person at a terminal, for tests: runs a command on a pseudo-terminal of 30 by 100 characters, types what
# it is told, and prints as JSON what came back, the exit status, and whether the terminal is as it was.
# Arguments: JSON with "command", "folder", and "steps", each {"await": text, "type": text, "size": [r, c]}.
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

LIMIT_SECONDS = 30


def main():
    session = json.loads(sys.argv[1])
    controller, terminal = pty.openpty()

    def resize(rows, columns):
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    resize(30, 100)
    before = termios.tcgetattr(terminal)
    child = os.fork()
    if child == 0:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for fd in (0, 1, 2):
            os.dup2(terminal, fd)
        os.chdir(session["folder"])
        os.execvp(session["command"][0], session["command"])

    seen = b""
    end = time.monotonic() + LIMIT_SECONDS

    def read(seconds):
        nonlocal seen
        if not select.select([controller], [], [], seconds)[0]:
            return False
        seen += os.read(controller, 65536)
        return True

    at = 0
    for step in session["steps"]:
        wanted = step["await"].encode()
        while (found := seen.find(wanted, at)) < 0:
            if time.monotonic() > end:
                os.kill(child, signal.SIGKILL)
                sys.exit(f"never saw {wanted!r}, but {seen[at:]!r}")
            read(0.1)
        at = found + len(wanted)
        if "size" in step:
            resize(*step["size"])
            os.kill(child, signal.SIGWINCH)
            # People type after they have moved a window.
            time.sleep(0.2)
        if "type" in step:
            os.write(controller, step["type"].encode())
    while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            sys.exit(f"did not end after {seen[-200:]!r}")
        read(0.1)
    while read(0):
        pass
    _, status = os.waitpid(child, 0)
    print(json.dumps({
        "seen": seen.decode(errors="replace"),
        "code": os.waitstatus_to_exitcode(status),
        "restored": termios.tcgetattr(terminal) == before,
    }))


main()

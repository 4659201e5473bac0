# Python's library at work, in one run, as starting it takes long: each check prints what is the same on
# every machine. Takes the folder to work in.
import array, asyncio, base64, bisect, collections, contextlib, csv, datetime, decimal, fcntl, fractions
import functools, hashlib, heapq, hmac, io, itertools, json, lzma, math, mmap, multiprocessing, os, pickle
import queue, random, re, select, shutil, signal, socket, sqlite3, statistics, stat, struct, subprocess
import sys, tarfile, tempfile, textwrap, threading, time, traceback, zipfile, zlib

os.chdir(sys.argv[1])
failed = []


def check(body):
    print("==", body.__name__, flush=True)
    try:
        body()
    except BaseException:
        failed.append(body.__name__)
        print(traceback.format_exc().replace(sys.argv[1], "."))
    sys.stdout.flush()


@check
def text_and_numbers():
    rows = [{"n": i, "x": i / 7, "s": "é" * (i % 3)} for i in range(200)]
    text = json.dumps(rows, sort_keys=True)
    assert json.loads(text) == rows
    print(len(text), hashlib.sha256(text.encode()).hexdigest())
    print(re.findall(r"(?P<a>\w)(?P=a)", "aabbcdee"), re.sub(r"(\d+)", lambda m: str(int(m[1]) ** 2), "3 and 12"))
    print(struct.pack("<hIq4sd", -2, 7, -1, b"abcd", 0.5).hex(), struct.unpack(">e", b"\x3c\x00"))
    with decimal.localcontext(prec=60):
        print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7)
    print(fractions.Fraction(355, 113) ** 5, 2 ** 521 % 1000007, math.factorial(40), pow(3, -1, 1009))
    print(math.sin(1e6), math.gamma(5.5), math.fsum([0.1] * 10), (0.1 + 0.2).hex(), round(2.675, 2), 1e23)
    print(f"{1234567.891:,.2f} {255:#x} {'mid':^9}| {0.000012345:.3g} {-17 // 5} {-17 % 5}")
    print(datetime.datetime(2024, 2, 29, 12, tzinfo=datetime.timezone.utc).timestamp(), datetime.date(2024, 12, 30).isocalendar())
    print(textwrap.fill("many words that have to be put on lines", 16), base64.b85encode(b"bytes"))
    random.seed(7)
    sample = [random.random() for _ in range(1000)]
    print(statistics.fmean(sample), sorted(sample)[500], random.randrange(10 ** 30))


@check
def hashes_and_compression():
    data = bytes(i * i % 251 for i in range(200_000))
    for name in ("md5", "sha1", "sha512", "blake2b", "sha3_256"):
        print(name, hashlib.new(name, data).hexdigest()[:32])
    print(hmac.new(b"key", data, "sha256").hexdigest(), zlib.crc32(data), zlib.adler32(data))
    assert zlib.decompress(zlib.compress(data, 9)) == data
    assert lzma.decompress(lzma.compress(data)) == data
    print(hashlib.pbkdf2_hmac("sha256", b"password", b"salt", 2000).hex())


@check
def containers():
    print(collections.Counter("mississippi").most_common(2), list(itertools.combinations("abcd", 2))[-1])
    heap = [(i * 7919) % 1009 for i in range(500)]
    heapq.heapify(heap)
    print([heapq.heappop(heap) for _ in range(5)], bisect.bisect([1, 3, 5], 3))
    tree = {"a": [1, 2.5, None, {3}], "b": (b"x", 10 ** 20)}
    assert pickle.loads(pickle.dumps(tree)) == tree
    print(functools.reduce(lambda a, b: a * b % 1000003, range(1, 500)), array.array("d", [1.5]).tobytes().hex())
    out = io.StringIO()
    csv.writer(out).writerows([["a", 'b "c"'], [1, "x,y"]])
    print(repr(out.getvalue()))


@check
def files():
    os.makedirs("tree/deep/er")
    for i in range(50):
        with open(f"tree/{'deep/' * (i % 2)}{i}.txt", "w") as file:
            file.write("x" * i)
    print(sum(len(names) for _, _, names in os.walk("tree")), sorted(os.listdir("tree"))[:3])
    shutil.copytree("tree", "copy")
    shutil.rmtree("tree/deep")
    print(len(os.listdir("tree")), os.path.getsize("copy/deep/49.txt"))
    with tempfile.NamedTemporaryFile(dir=".") as named, tempfile.TemporaryFile() as nameless:
        named.write(b"kept"); named.flush(); nameless.write(b"gone"); nameless.seek(1)
        print(os.path.getsize(named.name), nameless.read())
    with open("holes", "wb+") as file:
        file.seek(1_000_000); file.write(b"end"); file.truncate(1_000_001); file.seek(999_998)
        print(file.read(), os.fstat(file.fileno()).st_size)
    os.symlink("holes", "link"); os.link("holes", "hard"); os.chmod("hard", 0o604)
    print(os.readlink("link"), os.stat("link").st_nlink, stat.filemode(os.stat("holes").st_mode), os.path.islink("link"))
    os.utime("holes", ns=(10 ** 18, 10 ** 18 + 7)); print(os.stat("holes").st_mtime_ns)
    os.replace("hard", "renamed"); print(os.path.samefile("holes", "renamed"))
    for action in (lambda: open("missing"), lambda: os.rmdir("copy"), lambda: os.mkdir("copy"), lambda: os.listdir("link"), lambda: os.open("link", os.O_RDONLY | os.O_NOFOLLOW)):
        try:
            action()
        except OSError as error:
            print(type(error).__name__, error.errno, error.strerror)
    with tarfile.open("copy.tar.gz", "w:gz") as tar:
        tar.add("copy")
    with tarfile.open("copy.tar.gz") as tar:
        tar.extractall("from_tar", filter="data")
        print(len(tar.getnames()))
    with zipfile.ZipFile("copy.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write("copy/48.txt")
    print(zipfile.ZipFile("copy.zip").read("copy/48.txt") == b"x" * 48)
    fd = os.open("positioned", os.O_RDWR | os.O_CREAT)
    os.pwrite(fd, b"abcdef", 10); os.writev(fd, [b"12", b"345"]); print(os.pread(fd, 8, 3), os.lseek(fd, 0, os.SEEK_CUR))
    fcntl.flock(fd, fcntl.LOCK_EX); fcntl.lockf(fd, fcntl.LOCK_EX, 4, 2); os.fsync(fd); os.close(fd)
    print(shutil.disk_usage(".").total > 0, sorted(e.name for e in os.scandir(".") if e.is_dir()))


@check
def mapped_memory():
    with open("mapped", "wb+") as file:
        file.truncate(10_000)
        with mmap.mmap(file.fileno(), 0) as shared:
            shared[5000:5005] = b"hello"; shared.flush()
            file.seek(5000); print(file.read(5), shared.find(b"llo"))
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as private:
                private[5000:5005] = b"HELLO"; print(shared[5000:5005], private[5000:5005])
    anonymous = mmap.mmap(-1, 8192)
    if os.fork() == 0:
        anonymous[:5] = b"child"
        os._exit(0)
    os.wait()
    print(anonymous[:5])


@check
def threads():
    tasks, results, lock, total = queue.Queue(16), queue.Queue(), threading.Lock(), [0]

    def work():
        while (task := tasks.get()) is not None:
            with lock:
                total[0] += task
            results.put(task * task)

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers: worker.start()
    for n in range(600): tasks.put(n)
    for _ in workers: tasks.put(None)
    for worker in workers: worker.join(20)
    print(total[0], sum(results.get() for _ in range(600)), threading.active_count())
    barrier, event, order = threading.Barrier(4), threading.Event(), []
    crossing = [threading.Thread(target=lambda: (barrier.wait(10), event.wait(10), order.append(1))) for _ in range(3)]
    for each in crossing: each.start()
    barrier.wait(10); event.set()
    for each in crossing: each.join(10)
    condition, items = threading.Condition(), []

    def consume():
        with condition:
            condition.wait_for(lambda: len(items) == 3, 10); items.append("seen")

    consumer = threading.Thread(target=consume); consumer.start()
    for n in range(3):
        with condition: items.append(n); condition.notify_all()
    consumer.join(10)
    local = threading.local(); local.x = 1
    print(len(order), items, threading.Semaphore(2).acquire(timeout=0.01), event.wait(0), threading.Event().wait(0.02))
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(4) as pool:
        print(list(pool.map(lambda n: n ** 3, range(8))))


@check
def processes():
    done = subprocess.run(["sh", "-c", "read line; echo got $line; echo bad >&2; exit 7"], input="input\n", text=True, capture_output=True)
    print(done.returncode, repr(done.stdout), repr(done.stderr))
    first = subprocess.Popen(["busybox", "seq", "1000"], stdout=subprocess.PIPE)
    second = subprocess.Popen(["busybox", "wc", "-l"], stdin=first.stdout, stdout=subprocess.PIPE)
    first.stdout.close()
    print(second.communicate(timeout=20)[0], first.wait(20), second.returncode)
    big = subprocess.run(["busybox", "md5sum"], input=b"y" * 500_000, capture_output=True).stdout
    print(big)
    try:
        subprocess.run(["busybox", "sleep", "20"], timeout=0.1)
    except subprocess.TimeoutExpired as expired:
        print("expired", expired.timeout)
    killed = subprocess.Popen("exec sleep 20", shell=True, start_new_session=True, env={"A": "b", "PATH": os.environ["PATH"]}, cwd="/")
    killed.terminate(); print(killed.wait(20))
    with contextlib.suppress(FileNotFoundError): os.unlink("fifo")
    os.mkfifo("fifo")
    if (child := os.fork()) == 0:
        with open("fifo", "w") as writer: writer.write("through a fifo")
        os._exit(3)
    print(open("fifo").read(), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print(os.popen("echo $((6 * 7))").read(), os.system("exit 2") >> 8, os.getpgrp() == os.getpgid(0))


@check
def processes_by_descriptors():
    child = subprocess.Popen(["/bin/sh", "-c", "read line; exit 5"], stdin=subprocess.PIPE)
    fd = os.pidfd_open(child.pid)
    poll = select.poll(); poll.register(fd, select.POLLIN)
    print(poll.poll(0), os.get_inheritable(fd))
    child.stdin.close()
    print([events for _, events in poll.poll(20000)])
    info = os.waitid(os.P_PIDFD, fd, os.WEXITED)
    print(info.si_pid == child.pid, info.si_status, child.poll())
    for attempt in (lambda: signal.pidfd_send_signal(fd, signal.SIGTERM), lambda: os.waitid(os.P_PIDFD, fd, os.WEXITED)):
        try: attempt()
        except OSError as failure: print(type(failure).__name__)
    os.close(fd)
    child = subprocess.Popen(["busybox", "sleep", "100"]); fd = os.pidfd_open(child.pid)
    signal.pidfd_send_signal(fd, signal.SIGKILL)
    print(child.wait()); os.close(fd)
    for pid in (0, 2 ** 22 - 1):
        try: os.pidfd_open(pid)
        except OSError as failure: print(failure.errno)


def cube(n):
    return n ** 3


def produce(out, lock, shared):
    for n in range(5):
        with lock: shared.value += n
        out.put(n)


@check
def multiprocessing_by_fork():
    context = multiprocessing.get_context("fork")
    with context.Pool(3) as pool:
        print(pool.map(cube, range(10)), pool.apply(cube, (11,)))
    out, lock, shared = context.Queue(), context.Lock(), context.Value("i", 0)
    children = [context.Process(target=produce, args=(out, lock, shared)) for _ in range(3)]
    for child in children: child.start()
    print(sorted(out.get(timeout=20) for _ in range(15)), end=" ")
    for child in children: child.join(20)
    print(shared.value, [child.exitcode for child in children])
    here, there = context.Pipe()
    child = context.Process(target=lambda: there.send({"from": "child"})); child.start()
    print(here.recv()); child.join(20)


@check
def signals():
    seen = []
    signal.signal(signal.SIGUSR1, lambda number, _: seen.append(signal.Signals(number).name))
    os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGALRM, lambda *_: seen.append("alarm"))
    signal.setitimer(signal.ITIMER_REAL, 0.02)
    signal.pause()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR2})
    signal.signal(signal.SIGUSR2, lambda *_: seen.append("late"))
    os.kill(os.getpid(), signal.SIGUSR2)
    print(seen, signal.sigpending() == {signal.SIGUSR2})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR2})
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        os.kill(os.getpid(), signal.SIGINT); time.sleep(5)
    except KeyboardInterrupt:
        seen.append("interrupted")
    signal.signal(signal.SIGCHLD, lambda *_: seen.append("child"))
    subprocess.run(["busybox", "true"]); signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    print(seen)


@check
def waiting():
    r, w = os.pipe()
    print(select.select([r], [w], [], 0) == ([], [w], []))
    os.write(w, b"x" * 10)
    poll = select.poll(); poll.register(r, select.POLLIN); poll.register(w, select.POLLOUT)
    print(sorted((fd == r, event) for fd, event in poll.poll(100)))
    with select.epoll() as epoll:
        epoll.register(r, select.EPOLLIN | select.EPOLLET)
        print(len(epoll.poll(0.1)), len(epoll.poll(0)))
        os.write(w, b"y"); print(len(epoll.poll(0.1)))
        os.close(w); os.read(r, 100); print([event for _, event in epoll.poll(0.1)])
    a, b = socket.socketpair()
    a.sendmsg([b"with a descriptor"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [r]))])
    message, ancillary, _, _ = b.recvmsg(100, 100)
    print(message, len(ancillary), os.read(array.array("i", ancillary[0][2])[0], 5))
    event = os.eventfd(3); os.eventfd_write(event, 4); print(os.eventfd_read(event))
    started = time.monotonic(); time.sleep(0.05); print(0.05 <= time.monotonic() - started < 2)


@check
def databases():
    with contextlib.closing(sqlite3.connect("python.db")) as db:
        print(db.execute("pragma journal_mode=wal").fetchone())
        db.execute("create table t(n integer primary key, s text, x real)")
        with db: db.executemany("insert into t values(?, ?, ?)", ((n, f"row {n % 97}", n / 3) for n in range(5000)))
        try:
            with db: db.execute("delete from t"); db.execute("insert into t(n) values('no number')")
        except sqlite3.IntegrityError as error:
            print(error)
        db.create_function("twice", 1, lambda n: n * 2)
        print(db.execute("select count(*), sum(n), max(s), twice(21), round(total(x), 3) from t").fetchone())
        print(db.execute("select s, count(*) c from t group by s order by c desc, s limit 2").fetchall())
        print(db.execute("pragma integrity_check").fetchone(), len(list(db.iterdump())))


async def serve_and_ask():
    async def answer(reader, writer):
        while line := await reader.readline():
            writer.write(line[::-1].strip() + b"\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def ask(n):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for m in range(5):
            writer.write(f"client {n} line {m}\n".encode())
            assert (await reader.readline())[::-1].strip() == f"client {n} line {m}".encode()
        writer.close(); await writer.wait_closed()
        return n

    print(await asyncio.gather(*(ask(n) for n in range(10))))
    server.close()
    process = await asyncio.create_subprocess_exec("busybox", "tr", "a-z", "A-Z", stdin=-1, stdout=-1)
    print((await process.communicate(b"from a process"))[0], process.returncode)
    try:
        await asyncio.wait_for(asyncio.sleep(10), 0.05)
    except TimeoutError:
        print("timed out")
    print(await asyncio.to_thread(cube, 5))


@check
def sockets():
    asyncio.run(serve_and_ask())
    with socket.create_server(("127.0.0.1", 0)) as server:
        def bulk():
            connection, _ = server.accept()
            with connection: connection.sendall(bytes(range(256)) * 4096); connection.shutdown(socket.SHUT_WR); connection.recv(1)
        thread = threading.Thread(target=bulk); thread.start()
        with socket.create_connection(server.getsockname(), 20) as client:
            digest, size = hashlib.sha256(), 0
            while part := client.recv(65536): digest.update(part); size += len(part)
            print(size, digest.hexdigest()[:16])
        thread.join(20)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as two:
        one.bind(("127.0.0.1", 0)); two.sendto(b"datagram", one.getsockname()); print(one.recvfrom(100)[0])
    refused = socket.socket()
    print(refused.connect_ex(("127.0.0.1", 1)))
    refused.close()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as caller:
        listener.bind("unix.sock"); listener.listen(); caller.connect("unix.sock")
        accepted, _ = listener.accept(); caller.sendall(b"local"); print(accepted.recv(10)); accepted.close()


print("failed", failed)
sys.exit(len(failed))

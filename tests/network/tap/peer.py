"""A program with Linux's own sockets, at the other end of the tap device. It does what the JSON object in
its first argument says, and prints what came of it as JSON."""

import hashlib, json, random, socket, struct, sys, threading, time

plan = json.loads(sys.argv[1])
kind = socket.SOCK_DGRAM if plan.get("udp") else socket.SOCK_STREAM
family = socket.AF_INET6 if ":" in plan["address"] else socket.AF_INET
result = {"sent": 0, "received": 0, "error": ""}


def send(connection):
    data = random.Random(plan.get("seed", 1)).randbytes(plan.get("send", 0))
    connection.sendall(data)
    result["sent"] = len(data)
    result["sentHash"] = hashlib.sha256(data).hexdigest()
    if plan.get("end") == "reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    else:
        connection.shutdown(socket.SHUT_WR)


def receive(connection):
    digest = hashlib.sha256()
    time.sleep(plan.get("pause", 0))
    while data := connection.recv(65536):
        digest.update(data)
        result["received"] += len(data)
    result["receivedHash"] = digest.hexdigest()


def stream():
    endpoint = socket.socket(family, kind)
    if plan["role"] == "listen":
        endpoint.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        endpoint.bind((plan["address"], plan["port"]))
        endpoint.listen(8)
        print("ready", flush=True)
        connection, _ = endpoint.accept()
    else:
        print("ready", flush=True)
        connection = endpoint
        connection.connect((plan["address"], plan["port"]))
    if keep := plan.get("keepAlive"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, keep["idle"])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, keep["interval"])
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, keep["count"])
    order = plan.get("order", "both")
    if order == "receive first":
        receive(connection)
        send(connection)
    elif order == "send first":
        send(connection)
        if plan.get("end") != "reset":
            receive(connection)
    else:
        failures = []

        def keep_failure():
            try:
                send(connection)
            except OSError as failure:
                failures.append(failure)

        thread = threading.Thread(target=keep_failure)
        thread.start()
        receive(connection)
        thread.join()
        # Linux tells of a reset once: the thread that sends may be the one that hears of it.
        if failures:
            raise failures[0]


def datagrams():
    endpoint = socket.socket(family, kind)
    endpoint.settimeout(5)
    if plan["role"] == "listen":
        endpoint.bind((plan["address"], plan["port"]))
        print("ready", flush=True)
        for _ in range(plan["count"]):
            data, sender = endpoint.recvfrom(65536)
            result["received"] += len(data)
            endpoint.sendto(data, sender)
        return
    print("ready", flush=True)
    endpoint.connect((plan["address"], plan["port"]))
    for index in range(plan["count"]):
        data = random.Random(index).randbytes(plan["send"])
        endpoint.send(data)
        answer = endpoint.recv(65536)
        if answer != data:
            raise OSError(0, "the answer is different")
        result["received"] += len(answer)


def storm():
    """Many short connections at a time, each of which gets back what it sends."""
    print("ready", flush=True)
    failures = []

    def connect_often(number):
        for index in range(plan["count"]):
            data = random.Random(number * 1000 + index).randbytes(1 + index * 97)
            with socket.create_connection((plan["address"], plan["port"]), timeout=10) as connection:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                answer = b""
                while part := connection.recv(65536):
                    answer += part
            if answer == data:
                result["received"] += 1
            else:
                failures.append(index)

    threads = [threading.Thread(target=connect_often, args=(each,)) for each in range(plan["storm"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise OSError(0, f"answers differ: {failures}")


try:
    (storm if plan.get("storm") else datagrams if plan.get("udp") else stream)()
except OSError as failure:
    result["error"] = type(failure).__name__
print(json.dumps(result))

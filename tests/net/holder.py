#!/usr/bin/env python3
"""A program that keeps connections open, and uses them as it is told: one JSON
object a line on standard input, each answered with one on standard output,
{"ok": RESULT} or {"error": TEXT}. Its first line is {"ok": PID}.

Operations: open {name, transport: tcp|udp, address, port, connected}, which
opens a socket, uses it once, keeps it, and gives its own address and port;
listen {port}, which waits for connections over IPv4; accept {name}, which takes
one and sends back what comes first; use {name}, which sends five bytes and waits a
while for something to come back: {reply: TEXT}, or {error: ERRNO} with the name
of the errno, TIMEOUT when nothing came in time. A UDP socket that is not
connected names the place with each datagram. Further: crowd {address, port,
count} opens so many TCP connections; aborted {} tells how many of them were."""

import errno
import json
import os
import resource
import socket
import sys

PATIENCE = 3  # seconds
kept = {}
listeners = []
crowded = []


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def open_(name, transport, address, port, connected):
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    sock = socket.socket(family(address), kind)
    sock.settimeout(10 * PATIENCE)
    place = (address, port)
    if connected:
        sock.connect(place)
        place = None
    kept[name] = sock, place
    answer = use(name)
    if "error" in answer:
        raise OSError(answer["error"])
    source, number, *_ = sock.getsockname()
    return source, number


def listen(port):
    sock = socket.create_server(("", port))
    sock.settimeout(10 * PATIENCE)
    listeners.append(sock)


def accept(name):
    sock, _ = listeners[-1].accept()
    sock.settimeout(10 * PATIENCE)
    kept[name] = sock, None
    sock.send(sock.recv(100))


def use(name):
    sock, place = kept[name]
    sock.settimeout(PATIENCE)
    try:
        sock.sendto(b"hello", place) if place else sock.send(b"hello")
        return {"reply": sock.recv(100).decode()}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno, "TIMEOUT")}


def crowd(address, port, count):
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    for _ in range(count):
        sock = socket.create_connection((address, port), 10 * PATIENCE)
        sock.setblocking(False)
        crowded.append(sock)


def aborted():
    return sum(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.ECONNABORTED for sock in crowded)


operations = {"crowd": crowd, "aborted": aborted, "open": open_, "listen": listen, "accept": accept, "use": use}
print(json.dumps({"ok": os.getpid()}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    try:
        print(json.dumps({"ok": operations[order.pop("op")](**order)}), flush=True)
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)

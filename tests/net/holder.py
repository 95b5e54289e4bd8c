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
count} opens so many TCP connections; aborted {} tells how many of them were.

hold {name} makes the kernel keep a socket's lock, until release {}: by sending
from memory whose page never comes (userfaultfd(2)), which takes root."""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import platform
import resource
import select
import socket
import struct
import sys
import threading

PATIENCE = 3  # seconds
kept = {}
listeners = []
crowded = []
held = []


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


def hold(name):
    libc = ctypes.CDLL(None, use_errno=True)
    number = {"x86_64": 323, "aarch64": 282}[platform.machine()]
    faults = libc.syscall(number, os.O_CLOEXEC | os.O_NONBLOCK)
    if faults < 0:
        raise OSError(ctypes.get_errno(), "userfaultfd")
    memory = mmap.mmap(-1, mmap.PAGESIZE)
    at = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    fcntl.ioctl(faults, 0xC018AA3F, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))  # UFFDIO_API
    register = struct.pack("QQQQ", at, mmap.PAGESIZE, 1, 0)
    fcntl.ioctl(faults, 0xC020AA00, bytearray(register))  # UFFDIO_REGISTER
    sock, _ = kept[name]
    # Parts of a datagram are put together under the lock.
    send = threading.Thread(target=libc.send, args=(sock.fileno(), ctypes.c_void_p(at), 100, socket.MSG_MORE))
    send.start()
    select.select([faults], [], [])
    held.append((faults, send, memory))


def release():
    faults, send, _ = held.pop()
    os.close(faults)
    send.join()


operations = {"hold": hold, "release": release, "crowd": crowd, "aborted": aborted, "open": open_, "listen": listen, "accept": accept, "use": use}
print(json.dumps({"ok": os.getpid()}), flush=True)
for line in sys.stdin:
    order = json.loads(line)
    try:
        print(json.dumps({"ok": operations[order.pop("op")](**order)}), flush=True)
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)

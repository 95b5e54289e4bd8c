#!/usr/bin/env python3
"""A program that stays, and uses the network as it is told: one JSON object a
line on standard input, {transport, address, port, seconds, keep}. For each it
sends five bytes from a new socket and waits until something comes back; then
it prints {"ok": {"reply": TEXT}}, or {"ok": {"error": ERRNO}} with the name of
the errno, TIMEOUT when nothing came in time. With keep the socket stays open.
Its first line is {"ok": PID}."""

import errno
import json
import os
import socket
import sys

kept = []


def send(transport, address, port, seconds, keep):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM)
    if keep:
        kept.append(sock)
    try:
        sock.settimeout(seconds)
        sock.connect((address, port))
        sock.send(b"hello")
        return {"reply": sock.recv(100).decode()}
    except OSError as error:
        return {"error": errno.errorcode.get(error.errno, "TIMEOUT")}
    finally:
        if not keep:
            sock.close()


print(json.dumps({"ok": os.getpid()}), flush=True)
for line in sys.stdin:
    print(json.dumps({"ok": send(**json.loads(line))}), flush=True)

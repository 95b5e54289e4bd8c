#!/usr/bin/env python3
"""Sends five bytes and waits until something comes back: client.py tcp|udp
ADDRESS PORT SECONDS. Prints {"reply": TEXT}, or {"error": ERRNO} with the name
of the errno, TIMEOUT when nothing came in time."""

import errno
import json
import socket
import sys


def send(transport, address, port, seconds):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    kind = socket.SOCK_STREAM if transport == "tcp" else socket.SOCK_DGRAM
    with socket.socket(family, kind) as sock:
        sock.settimeout(float(seconds))
        try:
            sock.connect((address, int(port)))
            sock.send(b"hello")
            return {"reply": sock.recv(100).decode()}
        except OSError as error:
            return {"error": errno.errorcode.get(error.errno, "TIMEOUT")}


print(json.dumps(send(*sys.argv[1:])), flush=True)

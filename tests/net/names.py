#!/usr/bin/env python3
"""Looks names up: names.py look-up NAME 4|6 by the C library, names.py ask
SERVER NAME from a server of the program's own choice; names.py wait PORT SECONDS
gets a datagram that nobody may have asked for. Prints one JSON object a line:
{"ready": true} where it waits, then {"got": RESULT}."""

import json
import socket
import struct
import sys


def look_up(name, family):
    family = {"4": socket.AF_INET, "6": socket.AF_INET6}[family]
    found = socket.getaddrinfo(name, None, family, socket.SOCK_STREAM)
    return [address[0] for *_, address in found]


def ask(server, name):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    query = struct.pack("!HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(20)
        sock.connect((server, 53))
        sock.send(query)
        return socket.inet_ntoa(sock.recv(4096)[-4:])


def wait(port, seconds):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(float(seconds))
        sock.bind(("10.77.0.1", int(port)))
        print(json.dumps({"ready": True}), flush=True)
        return socket.inet_ntoa(sock.recv(4096)[-4:])


operation, *arguments = sys.argv[1:]
operations = {"look-up": look_up, "ask": ask, "wait": wait}
print(json.dumps({"got": operations[operation](*arguments)}), flush=True)

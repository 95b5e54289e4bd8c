#!/usr/bin/env python3
"""Many flows at once: burst.py ADDRESS PORT COUNT sends one datagram from each of
so many sockets, prints how many the kernel took as {"sent": COUNT}, and keeps
the sockets until its input ends."""

import json
import resource
import socket
import sys


def main(address, port, count):
    count = int(count)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
    for sock in sockets:
        sock.connect((address, int(port)))
    print(json.dumps({"sent": sum(sock.send(b"hello") == 5 for sock in sockets)}), flush=True)
    sys.stdin.read()


main(*sys.argv[1:])

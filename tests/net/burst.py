#!/usr/bin/env python3
"""Many flows at once: burst.py ADDRESS PORT COUNT [PORTS] sends one datagram from
each of so many sockets, to so many ports from PORT on in turn (one if not told),
prints how many the kernel took as {"sent": COUNT}, and keeps the sockets until
its input ends."""

import json
import resource
import socket
import sys


def main(address, port, count, ports=1):
    port, count, ports = int(port), int(count), int(ports)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(count)]
    for number, sock in enumerate(sockets):
        sock.connect((address, port + number % ports))
    print(json.dumps({"sent": sum(sock.send(b"hello") == 5 for sock in sockets)}), flush=True)
    sys.stdin.read()


main(*sys.argv[1:])

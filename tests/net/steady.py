#!/usr/bin/env python3
"""Sends datagrams at a steady pace until its input ends, each from a socket of
its own: steady.py PORT PAUSE ADDRESS… sends one to each address, then pauses
for so many seconds. Says {"pid": NUMBER} when it begins and {"sent": COUNT} at
the end."""

import json
import os
import select
import socket
import sys


def main(port, pause, *addresses):
    sent = 0
    print(json.dumps({"pid": os.getpid()}), flush=True)
    while not select.select([sys.stdin], [], [], float(pause))[0]:
        for address in addresses:
            with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as sock:
                try:
                    sent += bool(sock.sendto(b"hello", (address, int(port))))
                except OSError:
                    pass  # told that it is denied
    print(json.dumps({"sent": sent}), flush=True)


main(*sys.argv[1:])

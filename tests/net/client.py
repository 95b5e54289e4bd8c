#!/usr/bin/env python3
"""A program that connects as it is told. Obeys one JSON object a line on
standard input and answers each with one on standard output, {"ok": RESULT} or
{"error": TEXT}.

exchange {transport, address, port, timeout, keep}: sends five bytes on a new
socket and waits until they come back; gives "echoed", the name of the errno, or
"timed out". With keep the socket stays open until the program ends."""

import errno
import json
import os
import socket
import sys

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}
kept = []


def exchange(transport, address, port, timeout, keep):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, KINDS[transport])
    try:
        sock.settimeout(timeout)
        sock.connect((address, port))
        sock.send(b"hello")
        received = sock.recv(100)
    except TimeoutError as error:
        return errno.errorcode.get(error.errno, "timed out")
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error))
    finally:
        if keep:
            kept.append(sock)
        else:
            sock.close()
    return "echoed" if received == b"hello" else f"received {received!r}"


def main():
    print(json.dumps({"ok": os.getpid()}), flush=True)
    for line in sys.stdin:
        try:
            answer = {"ok": exchange(**json.loads(line))}
        except Exception as error:  # whatever it is, the test must hear of it
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()

#!/usr/bin/env python3
"""fill_log.py FILE COUNT UID: adds so many decisions about connections of a user to a log that the
helper has made, and that nobody has open."""

import sqlite3
import sys
import time

STEP = 1000  # milliseconds from one decision to the next
FIELDS = ("time", "verdict", "reason", "rule_name", "program", "pid", "uid", "protocol", "source", "source_port",
          "destination", "destination_port", "host", "count")
PROGRAMS = ("/usr/lib/firefox/firefox", "/usr/bin/thunderbird", "/usr/bin/curl", "/usr/libexec/packagekitd",
            "/usr/bin/python3.13", "/opt/vendor/app/bin/app")
VERDICTS = (("allow", "rule:other-1", "other-1"), ("allow", "no-rule", ""), ("deny", "rule:other-18", "other-18"),
            ("drop", "no-agent", ""))


def event(number, began, uid):
    """The decision of this number, which is like its neighbours in little."""
    port, protocol = (53, "udp") if number % 5 == 0 else (443, "tcp")
    return (began + number * STEP, *VERDICTS[number // 3 % len(VERDICTS)], PROGRAMS[number % len(PROGRAMS)],
            1000 + number % 50_000, uid, protocol, "10.77.0.1", 10_000 + number % 50_000,
            f"198.18.{number >> 8 & 255}.{number & 255}", port, f"host-{number % 5000}.example.org", 1)


def main(file, count, uid):
    count, uid = int(count), int(uid)
    began = int(time.time() * 1000) - count * STEP
    log = sqlite3.connect(f"file:{file}?mode=rw", uri=True)
    insert = f"INSERT INTO events ({', '.join(FIELDS)}) VALUES ({', '.join('?' * len(FIELDS))})"
    with log:
        log.executemany(insert, (event(number, began, uid) for number in range(count)))
    log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    log.close()


main(*sys.argv[1:])

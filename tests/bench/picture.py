#!/usr/bin/env python3
"""picture.py FROM.svg TO.png: draws a picture at twice its size. Runs in the sandbox root."""

import sys

import gi

gi.require_version("GdkPixbuf", "2.0")
from gi.repository import GdkPixbuf  # noqa: E402


def main(source, destination):
    _, width, height = GdkPixbuf.Pixbuf.get_file_info(source)
    picture = GdkPixbuf.Pixbuf.new_from_file_at_size(source, 2 * width, 2 * height)
    picture.savev(destination, "png", [], [])


main(*sys.argv[1:])

"""Sends and receives raw Ethernet frames, which needs NET_RAW and nothing else.

raw-socket.py send LINK             each line of standard input is a frame in hexadecimal digits
raw-socket.py receive LINK SECONDS  prints the marker of each frame that has one: "attack-" and letters
"""

import re
import socket
import sys
import time

ETH_P_ALL = 3
mode, link = sys.argv[1], sys.argv[2]
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
raw.bind((link, ETH_P_ALL))
if mode == "send":
    for line in sys.stdin:
        raw.send(bytes.fromhex(line.strip()))
else:
    end = time.monotonic() + float(sys.argv[3])
    print("ready", flush=True)
    while (left := end - time.monotonic()) > 0:
        raw.settimeout(left)
        try:
            frame, (_, _, kind, _, _) = raw.recvfrom(2048)
        except TimeoutError:
            break
        if kind != socket.PACKET_OUTGOING:
            for marker in re.findall(rb"attack-[a-z]+", frame):
                print(marker.decode(), flush=True)

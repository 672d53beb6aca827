"""When a TCP peer was last heard from, as Linux knows it: an acknowledgement of a probe or of data is enough."""

from __future__ import annotations

import socket
import struct
from typing import NamedTuple

from tinylb.sockets import PROBES

# The part of struct tcp_info of linux/tcp.h that is needed: the third and fourth byte count retransmissions and probes
# without an answer; of the numbers, the fifth is how many segments are not acknowledged, and the twelfth and thirteenth
# are how many milliseconds ago data, and an acknowledgement, came in.
_INFO = struct.Struct("=xxBB4x16xI24xII")
_TCP_INFO = getattr(socket, "TCP_INFO", None)


class Hearing(NamedTuple):
    """
    What the kernel knows of a peer.

    @ivar silence: seconds since anything came from it.
    @ivar isMute: whether it has been asked several times in a row, by probes or by sending again what it did not
        acknowledge, and has not answered. A peer that does not read still acknowledges window probes: it is not mute.
    """

    silence: float
    isMute: bool


def hearing(sock: socket.SocketType) -> Hearing | None:
    """
    Ask about a connected TCP socket.

    @return: L{None} for other sockets, and on other systems.
    """
    if _TCP_INFO is None or sock.family == socket.AF_UNIX:
        return None
    try:
        info = sock.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, 128)
        retransmits, probes, unacked, data, acknowledgement = _INFO.unpack_from(info)
    except (OSError, struct.error):
        return None
    isMute = probes >= PROBES or (unacked > 0 and retransmits >= PROBES)
    return Hearing(min(data, acknowledgement) / 1000, isMute)

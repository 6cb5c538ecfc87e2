"""A server of the tests as a child process: it dies with the process that started it, and is ended by its id only."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
OTHER_USER = "nobody"
"""Who runs servers that refuse to be run by root."""


def start(
    command: Sequence[str],
    log: Path,
    *,
    end_with: signal.Signals,
    not_as_root: bool = False,
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a server whose output goes to `log`. `end_with` reaches it when the parent ends in whatever way."""
    libc = ctypes.CDLL(None)

    def follow_the_parent() -> None:
        libc.prctl(SET_PARENT_DEATH_SIGNAL, int(end_with))

    user = OTHER_USER if not_as_root and os.geteuid() == 0 else None
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=environment,
            user=user,
            group=pwd.getpwnam(user).pw_gid if user else None,
            preexec_fn=follow_the_parent,
        )


def hand_over(folder: Path) -> None:
    """Give a folder to the user that servers run as, where tests run as root."""
    if os.geteuid() == 0:
        other = pwd.getpwnam(OTHER_USER)
        os.chown(folder, other.pw_uid, other.pw_gid)


def free_port() -> int:
    """A port of loopback nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])

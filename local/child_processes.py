"""Child processes that cannot outlive us: every process of this package starts and ends here."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None)


def unprivileged() -> pwd.struct_passwd | None:
    """Tell the account that servers run under: nobody where we are root, else our own (None).

    PostgreSQL refuses to run as root, and Valkey has no need to.
    """
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def spawn(  # noqa: PLR0913 - the few of Popen's own that its callers need
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str],
    parting: signal.Signals = signal.SIGKILL,
    account: pwd.struct_passwd | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    output: int | IO[bytes] = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, so that Ctrl-C reaches only us and we stop the children in order.

    On Linux the kernel sends ``parting`` to the child when the thread that started it ends, even by SIGKILL:
    call it from the main thread. macOS has nothing of the kind.
    """
    return subprocess.Popen(  # noqa: S603 - commands are our own, not a user's
        command,
        cwd=cwd,
        env=dict(env),
        stdin=stdin,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=_bound_to_parent(parting),  # noqa: PLW1509 - two system calls, no lock is taken in the child
        user=account and account.pw_uid,
        group=account and account.pw_gid,
        extra_groups=account and [],
    )


def end(process: subprocess.Popen[bytes], parting: signal.Signals, *, seconds: float) -> None:
    """Ask a child to end, and kill it where it has not after so many seconds."""
    if process.poll() is None:
        process.send_signal(parting)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            kill(process)


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL a child and all that it forked, as a crash would."""
    if process.poll() is None:
        for grandchild in psutil.Process(process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                grandchild.kill()
        process.kill()
        process.wait()


def end_on_signals() -> None:
    """Turn the first signal to end into KeyboardInterrupt, and let none disturb what is stopped then."""
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def end_once(*_: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    for each in signals:
        signal.signal(each, end_once)


def _bound_to_parent(parting: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    parent = os.getpid()

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, parting)
        if os.getppid() != parent:  # it died before the line above
            os._exit(1)

    return bind

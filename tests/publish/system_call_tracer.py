"""Stops a forked child at each of its system calls, on Linux, by ptrace(2): to look, to kill it, or to make a call fail.

Every call gives two stops, before it is carried out and after. Failing a call needs its registers, which are known here
for x86-64; stopping and killing work on every machine that permits ptrace.
"""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import sys
import traceback
from collections.abc import Callable

TRACE_ME, CONTINUE_TO_SYSTEM_CALL, DETACH, SET_OPTIONS = 0, 24, 17, 0x4200
GET_REGISTERS, SET_REGISTERS = 12, 13
MARK_SYSTEM_CALLS, KILL_WITH_TRACER = 0x1, 0x100000
SYSTEM_CALL_STOP = signal.SIGTRAP | 0x80

CAN_FAIL_CALLS = platform.machine() == "x86_64"

# asm/unistd_64.h: mmap, mprotect, munmap, brk, mremap, madvise; exit_group
MEMORY_CALLS = frozenset({9, 10, 11, 12, 25, 28})
EXIT = 231

_NAMES = (
    "r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss "
    "fs_base gs_base ds es fs gs"
)


class Registers(ctypes.Structure):
    """struct user_regs_struct of x86-64 (sys/user.h)."""

    _fields_ = tuple((name, ctypes.c_ulonglong) for name in _NAMES.split())


_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_ptrace.restype = ctypes.c_long


def _trace(request: int, child: int, data: object = None) -> None:
    if _ptrace(request, child, None, data) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"ptrace request {request}: {os.strerror(number)}")


class Child:
    """A forked process that runs `action` and exits with what it returns, stopped before its first system call."""

    def __init__(self, action: Callable[[], int]) -> None:
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            self._be_traced(action)
        _, status = os.waitpid(self.pid, 0)
        if not os.WIFSTOPPED(status):
            raise PermissionError("this machine does not permit ptrace")
        _trace(SET_OPTIONS, self.pid, MARK_SYSTEM_CALLS | KILL_WITH_TRACER)

    def _be_traced(self, action: Callable[[], int]) -> None:
        code = 98
        try:
            _trace(TRACE_ME, 0)
            os.kill(os.getpid(), signal.SIGSTOP)
            code = 99
            code = action()
        except BaseException:
            if code == 99:
                traceback.print_exc()
                sys.stderr.flush()
            raise
        finally:
            os._exit(code)

    def next_stop(self) -> bool:
        """Run to the next edge of a system call; False when the child has ended instead."""
        passed_on = 0
        while True:
            _trace(CONTINUE_TO_SYSTEM_CALL, self.pid, passed_on)
            _, status = os.waitpid(self.pid, 0)
            if not os.WIFSTOPPED(status):
                self.status = status
                return False
            if os.WSTOPSIG(status) == SYSTEM_CALL_STOP:
                return True
            passed_on = os.WSTOPSIG(status)

    def kill(self) -> None:
        """SIGKILL, now."""
        os.kill(self.pid, signal.SIGKILL)
        _, self.status = os.waitpid(self.pid, 0)

    def was_killed(self) -> bool:
        """Whether it ended by SIGKILL."""
        return (
            self.status is not None
            and os.WIFSIGNALED(self.status)
            and os.WTERMSIG(self.status) == signal.SIGKILL
        )

    def next_call(self) -> int:
        """The number of the call before which it stands."""
        return int(self._registers().orig_rax)

    def fail_this_call(self, error_number: int) -> int:
        """Stopped before a call: let it fail without being carried out, then let the child run. The call's number."""
        number = self.next_call()
        registers = self._registers()
        registers.orig_rax = ctypes.c_ulonglong(-1).value
        self._set(registers)
        if self.next_stop():
            registers = self._registers()
            registers.rax = ctypes.c_ulonglong(-error_number).value
            self._set(registers)
        return number

    def run_on(self) -> int:
        """Let it run to its end, untraced; its exit code, or minus the signal that ended it."""
        if self.status is None:
            _trace(DETACH, self.pid)
            _, self.status = os.waitpid(self.pid, 0)
        return os.waitstatus_to_exitcode(self.status)

    def _registers(self) -> Registers:
        registers = Registers()
        _trace(GET_REGISTERS, self.pid, ctypes.byref(registers))
        return registers

    def _set(self, registers: Registers) -> None:
        _trace(SET_REGISTERS, self.pid, ctypes.byref(registers))


def permitted() -> bool:
    """Whether this machine lets a process trace its own child."""
    try:
        child = Child(lambda: 0)
        stopped = child.next_stop()
    except (OSError, AttributeError):
        return False
    child.run_on()
    return stopped

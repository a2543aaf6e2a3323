"""Memory that a large piece of work no longer needs."""

import ctypes


def give_back() -> None:
    """Give memory that is free back to the system: the C library keeps it otherwise, in pieces that the next large array
    does not fit into. Nothing happens where it can't (`malloc_trim` is glibc's)."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)

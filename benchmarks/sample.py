"""What one run of one emulator says of one piece of work."""

from __future__ import annotations

from dataclasses import dataclass

#: measured beside pytcg and QEMU where the work is plain user code
UNICORN = "unicorn"


@dataclass(frozen=True)
class Sample:
    """CPU seconds of the whole process and wall seconds that something took; what the guest said of it, if it did."""

    cpu: float
    wall: float
    guest_ms: float | None = None
    checksum: str = ""
    rss_mib: float | None = None


Samples = dict[str, Sample]

"""Power, reset, clock and interrupt block of the FU540: as far as software waits for its clocks.

Source: SiFive FU540-C000 manual, chapter 7.
"""

from __future__ import annotations

from pytcg.devices.base import Device
from pytcg.devices.registers import Register

#: of an oscillator: on, and running
OSCILLATOR = 3 << 30
LOCK = 1 << 31
#: of a PLL after power-on: it divides by 1 and by 8, multiplies by 62, and is bypassed
PLL = LOCK | 1 << 25 | 1 << 24 | 3 << 15 | 31 << 6
OUTPUT = 1 << 31
HFCLK = 1


class SifivePrci(Device):
    """Clocks that run, and PLLs that have locked, whatever is written."""

    compatible = ("sifive,fu540-c000-prci",)

    hfrosccfg = Register(0x00, reset=OSCILLATOR, mask=0x7FFF_FFFF, doc="ring oscillator")
    hfxosccfg = Register(0x04, reset=OSCILLATOR, mask=0x7FFF_FFFF, doc="crystal oscillator")
    corepllcfg0 = Register(0x08, reset=PLL, mask=0x7FFF_FFFF, doc="PLL of the cores")
    ddrpllcfg0 = Register(0x0C, reset=PLL, mask=0x7FFF_FFFF, doc="PLL of the memory")
    ddrpllcfg1 = Register(0x10, mask=OUTPUT, doc="bit 31: output on")
    gemgxlpllcfg0 = Register(0x1C, reset=PLL, mask=0x7FFF_FFFF, doc="PLL of the network")
    gemgxlpllcfg1 = Register(0x20, mask=OUTPUT, doc="bit 31: output on")
    coreclksel = Register(0x24, reset=HFCLK, mask=1, doc="clock of the cores: 0 PLL, 1 crystal")
    devicesresetreg = Register(0x28, mask=0x2F, doc="resets of memory and network")
    clkmuxstatusreg = Register(0x2C, access="r", doc="what the clock multiplexers have switched to")

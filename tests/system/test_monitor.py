"""Console and monitor as a person and a program use them: in a pseudo-terminal, over a socket."""

from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path

from benchmarks.console import console
from tests.system.guests import PROMPT, PYTCG

PATIENCE = 30


def test_ctrl_a_c_leads_to_the_monitor_and_back() -> None:
    with console(PYTCG, PATIENCE) as terminal:
        terminal.expect(PROMPT)
        terminal.type("\x01c")
        terminal.expect(r"\(qemu\) ")
        terminal.type("stop\rinfo sta\t\r")
        terminal.expect("VM status: paused")
        terminal.type("cont\rp $pc\r")
        terminal.expect(r"\(qemu\) ")
        terminal.type("\x01cecho here again\r")
        terminal.expect("\nhere again\r")
        terminal.type("\x01c")
        terminal.type("quit\r")
        assert terminal.status() == 0


def test_a_program_drives_a_machine_by_sockets(tmp_path: Path) -> None:
    monitor, log, traps = (tmp_path / name for name in ("monitor", "log", "traps"))
    options = ("-S", "-serial", f"file:{log}", "-monitor", f"unix:{monitor},server,nowait")
    with subprocess.Popen([*PYTCG, *options], stdin=subprocess.DEVNULL) as process, socket.socket(socket.AF_UNIX) as to:
        end = time.monotonic() + PATIENCE
        while not monitor.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
        to.connect(str(monitor))
        lines = to.makefile("rw", newline="\n")

        def ask(command: str, answer: str) -> None:
            lines.write(f"{command}\n")
            lines.flush()
            while answer not in lines.readline():
                assert time.monotonic() < end

        ask("info status", "VM status: paused (prelaunch)")
        assert log.read_bytes() == b""
        ask("info registers", " pc       0000000000001000")
        ask("logfile /nowhere/x", "cannot write /nowhere/x")
        ask(f"logfile {traps}", "logfile")
        ask("log int", "log int")
        ask("cont", "cont")
        while PROMPT not in log.read_text():
            assert time.monotonic() < end
            time.sleep(0.05)
        ask("info status", "VM status: running")
        ask("log none", "log none")
        ask("info status", "VM status: running")
        ask("system_reset", "system_reset")
        while log.read_text().count(PROMPT) < 2:
            assert time.monotonic() < end
            time.sleep(0.05)
        lines.write("quit\n")
        lines.flush()
        assert process.wait(PATIENCE) == 0
    assert "trap: hart:0" in traps.read_text()

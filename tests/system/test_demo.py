"""The demo kernel on machine code, at a terminal and with pipes."""

from __future__ import annotations

import re

from benchmarks.console import console
from tests.system.guests import PATIENCE, PROMPT, PYTCG, demo, run

FAULTS = {"load": 13, "store": 15, "text": 15, "illegal": 2, "breakpoint": 3, "fetch": 12}


def test_a_session_at_a_terminal() -> None:
    with console(PYTCG, PATIENCE) as terminal:
        terminal.expect(PROMPT)
        terminal.type("help\r")
        listing = terminal.expect(f"(?s).*{PROMPT}").match[0]
        assert re.findall(r"^  (\w+)", listing, re.MULTILINE)[:3] == ["help", "uptime", "mem"]
        terminal.type("primes 1000\r")
        terminal.expect("168 primes up to 1000, the last is 997")
        terminal.expect(PROMPT)
        terminal.type("poweroff\r")
        assert terminal.status() == 0


def test_reboot_starts_it_anew() -> None:
    with console(PYTCG, PATIENCE) as terminal:
        for end in ("reboot", "poweroff"):
            terminal.expect("pytcg demo kernel: hart 0, Sv39")
            terminal.expect(PROMPT)
            terminal.type("uptime\r")
            assert int(terminal.expect(r"up (\d+)\.\d+ s").match[1]) < PATIENCE
            terminal.expect(PROMPT)
            terminal.type(f"{end}\r")
        assert terminal.status() == 0


def test_the_escape_key_ends_it() -> None:
    with console(PYTCG, PATIENCE) as terminal:
        terminal.expect(PROMPT)
        terminal.type("\x01h")
        terminal.expect("Ctrl-A x +end the emulator")
        terminal.type("\x01x")
        terminal.expect("pytcg: terminated")
        assert terminal.status() == 0


def test_commands_through_a_pipe() -> None:
    done = run(typed="echo one\recho two\rpoweroff\r")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line in ("one", "two")] == ["one", "two"]


def test_the_end_of_piped_input_ends_nothing() -> None:
    assert "\nstill here\n" in demo("sleep 1;echo still here;poweroff")


def test_faults_are_survived() -> None:
    out = demo(";".join(f"fault {kind}" for kind in FAULTS) + ";poweroff")
    assert [int(cause) for cause in re.findall(r"scause (\d+)", out)] == list(FAULTS.values())
    assert out.count("survived") == len(FAULTS)


def test_bench_computes_what_host_code_does(bench_checksums: dict[str, str]) -> None:
    assert dict(re.findall(r"bench (\w+) +\d+ ms +checksum (\w+)", demo("bench;poweroff"))) == bench_checksums


def test_four_harts_count_together() -> None:
    out = demo("cpus;smp 5000;poweroff", "-smp", "4")
    assert "4 harts" in out
    assert len(re.findall(r"cpu \d: stopped", out)) == 3
    assert "3 CPUs added up to 15000 " in out


def test_no_reboot_ends_it() -> None:
    assert demo("reboot", "-no-reboot").count("pytcg demo kernel") == 1


def test_memory_is_what_was_asked_for() -> None:
    assert re.search(r"memory +80000000 \.\. +97ffffff +393216 KiB", demo("mem;poweroff", "-m", "384M"))

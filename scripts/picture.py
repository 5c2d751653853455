"""Record a session with the demo kernel in a pseudo-terminal and draw it as docs/session.svg.

python -m scripts.picture
"""

from __future__ import annotations

import sys
from html import escape
from pathlib import Path

from benchmarks.console import console

PICTURE = Path(__file__).resolve().parent.parent / "docs" / "session.svg"
PROMPT = "pytcg> "
COMMAND = "pytcg-system -M virt -smp 2"
TYPED = ("mem", "smp 100000", "primes 1000000", "bench integer calls hash", "fault load", "uptime", "poweroff")
FONT, ADVANCE, LINE, MARGIN, BAR = 14, 8.43, 19, 16, 30
STYLE = (
    f"text {{ font: {FONT}px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: #d7dae0;"
    " white-space: pre; } .prompt { fill: #7fb9f0; } .typed { fill: #f2d479; }"
)


def record() -> list[str]:
    """The lines that the session leaves on the terminal."""
    with console([sys.executable, "-m", "pytcg", *COMMAND.split()[1:]]) as terminal:
        for line in TYPED:
            terminal.expect(PROMPT)
            terminal.type(f"{line}\r")
        if terminal.status():
            sys.exit("picture: the session did not end with status 0")
        return ["$ " + COMMAND, *terminal.text.replace("\r", "").rstrip("\n").split("\n")]


def spans(line: str) -> str:
    """A line as SVG text: prompts and what was typed stand out."""
    for prompt in ("$ ", PROMPT):
        if line.startswith(prompt):
            typed = escape(line.removeprefix(prompt))
            return f'<tspan class="prompt">{escape(prompt)}</tspan><tspan class="typed">{typed}</tspan>'
    return escape(line)


def draw(lines: list[str]) -> str:
    """The lines in a window."""
    width = round(max(map(len, lines)) * ADVANCE) + 2 * MARGIN
    height = BAR + len(lines) * LINE + MARGIN
    buttons = "".join(
        f'<circle cx="{MARGIN + 4 + 18 * n}" cy="{BAR // 2}" r="5" fill="{colour}"/>'
        for n, colour in enumerate(("#e0686a", "#e3b341", "#6cb56c"))
    )
    rows = "\n".join(
        f'<text x="{MARGIN}" y="{BAR + (n + 1) * LINE - 5}" xml:space="preserve">{spans(line)}</text>'
        for n, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">\n'
        f"<title>A session with the demo kernel</title>\n<style>{STYLE}</style>\n"
        f'<rect width="{width}" height="{height}" rx="8" fill="#1d2129"/>\n{buttons}\n{rows}\n</svg>\n'
    )


if __name__ == "__main__":
    PICTURE.write_text(draw(record()), encoding="utf-8")

"""The monitor's line editor: what is typed becomes lines, what is shown is what a terminal then shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytcg.machine.monitor.editor import LineEditor

WORDS = ("info", "inform", "quit")


class Screen:
    """The last line of a terminal that knows \\r, \\n, ESC[K and ESC[nD."""

    def __init__(self) -> None:
        self.line: list[str] = []
        self.at = 0

    def write(self, text: str) -> None:
        rest = list(text)
        while rest:
            letter = rest.pop(0)
            if letter == "\r":
                self.at = 0
            elif letter == "\n":
                self.line = []
            elif letter == "\x1b":
                assert rest.pop(0) == "["
                number = ""
                while (end := rest.pop(0)).isdigit():
                    number += end
                if end == "K":
                    del self.line[self.at :]
                else:
                    assert end == "D"
                    self.at -= int(number)
            else:
                self.line[self.at : self.at + 1] = [letter]
                self.at += 1


class Typist:
    def __init__(self) -> None:
        self.screen = Screen()
        self.lines: list[str] = []
        self.editor = LineEditor(
            "> ",
            self.screen.write,
            self.lines.append,
            lambda line: [word for word in WORDS if word.startswith(line.split(" ")[-1])],
        )
        self.editor.show()

    def type(self, text: str) -> list[str]:
        self.editor.feed(text)
        return self.lines


@pytest.mark.parametrize(
    ("typed", "lines"),
    [
        ("stop\r", ["stop"]),
        ("stop\r\ncont\n", ["stop", "cont"]),
        ("\r", [""]),
        ("stpp\x08\x7fop\r", ["stop"]),
        ("top\x01s\r", ["stop"]),
        ("top\x1b[Hs\x1b[F!\r", ["stop!"]),
        ("sop\x1b[D\x1b[Dt\r", ["stop"]),
        ("sop\x02\x02t\x06\x06!\r", ["stop!"]),
        ("xstop\x1bOH\x1b[3~\r", ["stop"]),
        ("xstop\x01\x04\r", ["stop"]),
        ("stop now\x02\x02\x02\x0b\r", ["stop "]),
        ("no stop\x02\x02\x02\x02\x15\r", ["stop"]),
        ("one two three \x17\r", ["one two"]),
        ("lost\x03kept\r", ["kept"]),
        ("a\rb\r\x10\r", ["a", "b", "b"]),
        ("a\rb\r\x1b[A\x1b[A\r", ["a", "b", "a"]),
        ("a\rb\r\x10\x10\x10\x0e!\r", ["a", "b", "b!"]),
        ("a\r\x10\x0e\x0enew\r", ["a", "new"]),
        ("q\t\r", ["quit "]),
        ("in\t\r", ["info"]),
        ("x in\tr\t\r", ["x inform "]),
        ("zz\t\r", ["zz"]),
        ("\x1b[15~\x1b[1;5Cok\r", ["ok"]),
    ],
)
def test_keys(typed: str, lines: list[str]) -> None:
    assert Typist().type(typed) == lines


def test_choices_are_shown() -> None:
    shown: list[str] = []
    editor = LineEditor("> ", shown.append, lambda line: None, lambda line: list(WORDS[:2]))
    editor.feed("info\t")
    assert "\r\ninfo  inform\r\n" in shown


KEYS = st.sampled_from(
    [
        "a",
        "b",
        " ",
        "\x01",
        "\x02",
        "\x04",
        "\x05",
        "\x06",
        "\x08",
        "\x0b",
        "\x15",
        "\x17",
        "\x10",
        "\x0e",
        "\r",
        "\x1b[D",
    ]
)


@given(st.lists(KEYS, max_size=40))
def test_the_screen_shows_the_line_that_enter_gives(keys: list[str]) -> None:
    typist = Typist()
    for key in keys:
        typist.type(key)
        if key == "\r":
            # the command has been carried out
            typist.editor.show()
    shown = "".join(typist.screen.line)
    assert shown == f"> {typist.type(chr(13))[-1]}"

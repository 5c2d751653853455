"""A line editor for terminals at the other end of any chardev: cursor keys, history, completion."""

from __future__ import annotations

from collections.abc import Callable

#: what keys of a VT100 and its successors send after ESC [ or ESC O, as control characters that do the same
CURSOR_KEYS = {"A": "\x10", "B": "\x0e", "C": "\x06", "D": "\x02", "H": "\x01", "F": "\x05", "3~": "\x04"}
ESCAPE = "\x1b"
HISTORY = 500


class LineEditor:
    """`feed` takes characters as they are typed; `write` shows text, `submit` gets each line that is complete.

    Ctrl-A E B F move, Ctrl-K U W D and backspace delete, Ctrl-P N or the cursor keys go through earlier lines, the
    tabulator completes, Ctrl-C gives the line up.
    """

    def __init__(
        self,
        prompt: str,
        write: Callable[[str], None],
        submit: Callable[[str], None],
        complete: Callable[[str], list[str]],
    ) -> None:
        self.prompt = prompt
        self.write = write
        self.submit = submit
        self.complete = complete
        self.history: list[str] = []
        self._line = ""
        self._at = 0
        #: where in the history the line comes from
        self._past = 0
        self._sequence = ""
        self._after_return = False
        self._keys: dict[str, Callable[[], None]] = {
            "\x01": lambda: self._move(0),
            "\x02": lambda: self._move(self._at - 1),
            "\x03": self._give_up,
            "\x04": lambda: self._delete(self._at, self._at + 1),
            "\x05": lambda: self._move(len(self._line)),
            "\x06": lambda: self._move(self._at + 1),
            "\x08": lambda: self._delete(self._at - 1, self._at),
            "\t": self._complete,
            "\x0b": lambda: self._delete(self._at, len(self._line)),
            "\x0c": self.show,
            "\x0e": lambda: self._recall(1),
            "\x10": lambda: self._recall(-1),
            "\x15": lambda: self._delete(0, self._at),
            "\x17": lambda: self._delete(len(self._line[: self._at].rstrip().rpartition(" ")[0]), self._at),
            "\x7f": lambda: self._delete(self._at - 1, self._at),
        }

    def show(self) -> None:
        """Show prompt and line (anew)."""
        back = len(self._line) - self._at
        self.write(f"\r{self.prompt}{self._line}{ESCAPE}[K" + (f"{ESCAPE}[{back}D" if back else ""))

    def feed(self, text: str) -> None:
        """Characters have been typed."""
        for letter in text:
            if self._sequence:
                self._go_on(letter)
            elif letter == ESCAPE:
                self._sequence = letter
            elif letter in "\r\n":
                if letter == "\r" or not self._after_return:
                    self._enter()
            elif letter in self._keys:
                self._keys[letter]()
            elif letter.isprintable():
                self._insert(letter)
            self._after_return = letter == "\r"

    def _go_on(self, letter: str) -> None:
        """The next character of an escape sequence."""
        self._sequence += letter
        if len(self._sequence) == 2 and letter in "[O":
            return
        if len(self._sequence) > 2 and (letter.isdigit() or letter == ";"):
            return
        key = CURSOR_KEYS.get(self._sequence[2:])
        self._sequence = ""
        if key:
            self._keys[key]()

    def _enter(self) -> None:
        line = self._line
        self.write("\r\n")
        if line.strip() and self.history[-1:] != [line]:
            self.history = [*self.history[-HISTORY + 1 :], line]
        self._set("")
        self._past = len(self.history)
        self.submit(line)

    def _set(self, line: str) -> None:
        self._line = line
        self._at = len(line)

    def _insert(self, text: str) -> None:
        self._line = self._line[: self._at] + text + self._line[self._at :]
        self._at += len(text)
        if self._at == len(self._line):
            self.write(text)
        else:
            self.show()

    def _delete(self, start: int, end: int) -> None:
        start = max(start, 0)
        self._line = self._line[:start] + self._line[end:]
        self._at = start
        self.show()

    def _move(self, to: int) -> None:
        self._at = min(max(to, 0), len(self._line))
        self.show()

    def _give_up(self) -> None:
        self.write("^C\r\n")
        self._set("")
        self.show()

    def _recall(self, step: int) -> None:
        past = self._past + step
        if 0 <= past <= len(self.history):
            self._past = past
            self._set(self.history[past] if past < len(self.history) else "")
            self.show()

    def _complete(self) -> None:
        """Complete the word before the cursor as far as it is certain; show the choices where it is not."""
        before = self._line[: self._at]
        choices = self.complete(before)
        word = before.split(" ")[-1]
        certain = _common_start(choices)[len(word) :]
        if len(choices) == 1:
            certain += " "
        if certain:
            self._insert(certain)
        elif choices:
            self.write("\r\n" + "  ".join(choices) + "\r\n")
            self.show()


def _common_start(words: list[str]) -> str:
    """What all words begin with."""
    start = min(words, default="")
    while not all(word.startswith(start) for word in words):
        start = start[:-1]
    return start

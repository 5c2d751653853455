"""Zawrs: wait on reservation set. A wait may end early for any reason; these end at once."""

from __future__ import annotations

from pytcg.frontend.riscv.translator import Translator


def trans_wrs_nto(ctx: Translator) -> None:
    """No wait, so mstatus.TW, which bounds it, does not matter."""


trans_wrs_sto = trans_wrs_nto

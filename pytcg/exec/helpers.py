"""The helpers that all guests have, beside a guest's own."""

from __future__ import annotations

from typing import Any

from pytcg.exec.blocks.invalidate import helper_invalidate, helper_invalidate_elsewhere
from pytcg.exec.blocks.lookup import make_lookup
from pytcg.exec.blocks.placing import helper_place, helper_reindex, helper_remember
from pytcg.exec.registers import make_helper_register
from pytcg.frontend.guest import Guest, HelperFunction
from pytcg.tcg.helpers import Action, Helper
from pytcg.tcg.soft_helper import helper_fp


def no_helper(env: Any) -> int:
    """What a helper number that is not in use leads to."""
    raise LookupError(f"no helper {env.helper}")


def helper_limit(env: Any) -> int:
    """Helper.LIMIT: a block is not to begin."""
    env.pc = env.insn_pc
    return Action.EXIT


def helper_code_fence(env: Any) -> int:
    """Helper.CODE_FENCE."""
    env.cpu.engine.code.fence()
    return Action.CONTINUE


def complete_helpers(guest: Guest, registers: bool = True) -> list[HelperFunction]:
    """The helpers of a guest by number, and those that all guests have: soft floating point, the search for blocks.

    `registers`: accesses of devices may be done by machine code, and told to the event loop later.
    """
    helpers = [helper or no_helper for helper in guest.helpers]
    helpers[Helper.FP] = helper_fp
    helpers[Helper.LIMIT] = helper_limit
    helpers[Helper.CODE_FENCE] = helper_code_fence
    helpers[Helper.PLACE], helpers[Helper.INVALIDATE] = helper_place, helper_invalidate
    helpers[Helper.INVALIDATE_ELSEWHERE] = helper_invalidate_elsewhere
    helpers[Helper.REMEMBER], helpers[Helper.REINDEX] = helper_remember, helper_reindex
    if registers:
        helpers[Helper.REGISTER] = make_helper_register(guest.layout)
    helpers[Helper.LOOKUP] = make_lookup(helpers[Helper.TLB_MISS], guest.units)
    return helpers

"""Numbers of the helpers that every guest has, and what a helper's return value tells machine code to do."""

from __future__ import annotations

from enum import IntEnum, unique


@unique
class Helper(IntEnum):
    """Helper numbers with a fixed meaning; a guest numbers its own from FIRST_GUEST."""

    #: floating-point op done in software: arg[0..2] operands, arg[3] = op code | the fields after the operands, in 4
    #: bits each from bit 16 on; env.ret = the value of the output's home
    FP = 0
    #: a guest access that missed the TLB: arg[0] address, arg[1] READ/WRITE/FETCH, arg[2] MMU mode
    TLB_MISS = 1
    #: find the block for env.pc under env.flags: env.ret = its host address
    LOOKUP = 2
    #: env.irq was seen at a poll; env.pc is the pc to resume at
    INTERRUPT = 3
    #: place a block, kill those that a store overwrites, enter templates, enter blocks into a larger index: for Python
    #: alone, see exec/blocks/placing.py
    PLACE = 4
    INVALIDATE = 5
    REMEMBER = 6
    REINDEX = 7
    #: an access that TLB_MISS answered with SLOW, if it is of a device register that needs no Python: CONTINUE; or SLOW
    REGISTER = 8
    #: with -icount: the limit is reached
    LIMIT = 9
    #: with -d exec or cpu: a block begins
    TRACE = 10
    #: from now on only what memory holds may be executed; to be called where env.unsure is set
    CODE_FENCE = 11
    #: kill the blocks outside main RAM; for Python alone, see exec/blocks/invalidate.py
    INVALIDATE_ELSEWHERE = 12
    FIRST_GUEST = 13


class Action(IntEnum):
    """What a helper returns."""

    #: go on after the call; env.ret is the result
    CONTINUE = 0
    #: env.pc (and env.flags) changed: look the next block up
    JUMP = 1
    #: leave machine code; the CPU loop decides
    EXIT = 2
    #: compiled helpers only: call the Python function of this number
    SLOW = 3

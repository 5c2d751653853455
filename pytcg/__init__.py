"""pytcg: translates guest instructions to TCG ops and those to host machine code, and runs whole machines on it."""

__version__ = "0.1.0"

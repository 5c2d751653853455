"""Lowering of ops to x86-64 instructions: one module a group of ops."""

"""Virtio devices, whatever transport they are reached by."""

"""pytcg beside QEMU, on the same images in one run: `make bench`."""

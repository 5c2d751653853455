"""From files to a machine that is ready to start: recognising kernels, placing them, and the boot ROM."""

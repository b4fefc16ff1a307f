"""Software of others against the emulated street: hil/README.md."""

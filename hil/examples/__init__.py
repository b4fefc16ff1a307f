"""Examples that run other people's software against the emulated street; hil/README.md explains them."""

"""Reading in another process: if it crashes, hangs or fills the memory, that costs one file."""

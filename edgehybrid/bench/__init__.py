"""How fast a bundle reads and writes on this machine, and in how much memory."""

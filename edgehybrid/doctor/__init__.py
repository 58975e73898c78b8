"""What edgehybrid finds on this machine, whether it can read here, and what will be slow, and why.

Each file looks at one thing and returns plain values, which `edgehybrid doctor` prints.
"""

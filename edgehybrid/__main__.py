"""`python -m edgehybrid`, where the command itself is not on the path."""

from edgehybrid.cli import main

main()

"""Whole sequences of kernel calls, run by several threads without returning to Python.

One token passes some three hundred kernels of a few microseconds each. Called one by one from
Python, the calls would take longer than the work. Here the calls are steps in a table: a step is
the address of a task (a compiled function of packed arguments), the address of its arguments, and
how many units of work it has. Each thread walks down the table, takes units from a step's counter
until none is left, and waits until all of them are done before it goes to the next step. A thread
that comes late, or not at all, only leaves more units to the others.
"""

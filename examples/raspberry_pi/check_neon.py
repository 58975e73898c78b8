"""Compiles the hot kernels for the processors of Raspberry Pis, on any machine, and reads the code.

    python examples/raspberry_pi/check_neon.py            # a table; exit code 1 if a loop is scalar
    python examples/raspberry_pi/check_neon.py --listing ssd_task --cpu cortex-a76

Numba compiles for the machine that it runs on. Here it is told another one before it is imported:
the triple of 64-bit ARM Linux, and the name and the features that it reads on a Raspberry Pi. All
that follows is the usual way: ``simd.py`` and ``dots.py`` choose by that target, LLVM's passes
optimise for it. Nothing of the result is run.
"""

from __future__ import annotations

import argparse
import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

TRIPLE = "aarch64-unknown-linux-gnu"
# By name: the features that llvmlite 0.50 gives there, read under qemu with each one's
# /proc/cpuinfo. That a Pi 5 has dot products is known from the name alone.
PROCESSORS = {
    "cortex-a72": "+crc,+fp-armv8,+neon,-aes,-rand,-sha2,-sve",  # Raspberry Pi 4
    "cortex-a76": "+aes,+crc,+fp-armv8,+lse,+neon,-rand,+sha2,-sve",  # Raspberry Pi 5
}
# What each kernel's work has to be done with, on vectors: floats, or bytes by processor.
FLOATS = ("fmla",)
BYTES = {"cortex-a72": ("smlal", "mul"), "cortex-a76": ("sdot",)}
TASKS = {
    "linear_int8_task": BYTES,
    "linear_int4_128_task": BYTES,
    "linear_float_task": FLOATS,
    "conv_task": FLOATS,
    "ssd_task": FLOATS,
    "attention_task": FLOATS,
    "delta_task": FLOATS,
}
# Running sums of routing policies, in float64: a few numbers a token, and none of the reader's.
SCALAR_BY_DESIGN = re.compile(r"kernels7routing8compiled|4heap")

_FUNCTION = re.compile(r"(_Z\w+):")
_LABEL = re.compile(r"(\.?LBB\d+_\d+):")
_BRANCH = re.compile(r"\s+(?:b|b\.\w+|cbn?z|tbn?z)\s.*?(\.?LBB\d+_\d+)$")
_VECTOR = re.compile(r"\s+(\w+)\s+v\d+\.")
_SCALAR = re.compile(r"\s+(fn?madd|fn?msub|fmul|fadd|fsub)\s+[sdh]\d")


@dataclass(frozen=True)
class Loop:
    """One innermost loop: a block of code that branches to its own beginning."""

    function: str
    code: tuple[str, ...]

    def vectors(self) -> Counter[str]:
        """How often each instruction writes a vector register."""
        return Counter(m[1] for line in self.code if (m := _VECTOR.match(line)))

    def scalars(self) -> int:
        """How many instructions of arithmetic on single floats."""
        return sum(1 for line in self.code if _SCALAR.match(line))

    def spills(self) -> int:
        """How many vectors are written to the stack."""
        return sum(1 for line in self.code if re.match(r"\s+st[rp]\s+q\d.*\[sp", line))


def innermost(assembly: str) -> Iterator[Loop]:
    """Loops of one block each; those that hold a branch are of odd ends."""
    function, label, block = "", "", []
    for line in (line.split("//")[0].rstrip() for line in assembly.splitlines()):
        if found := _FUNCTION.match(line):
            function = found[1]
        elif found := _LABEL.match(line):
            label, block = found[1], []
        else:
            block.append(line)
            if (found := _BRANCH.match(line)) and found[1] == label:
                yield Loop(function, tuple(block))


def aim_at(cpu: str) -> None:
    """Makes Numba, which must not have been imported, compile for another processor."""
    if "numba" in sys.modules:
        raise RuntimeError("Numba was imported already and compiles for this machine")
    os.environ["NUMBA_CPU_NAME"] = cpu
    os.environ["NUMBA_CPU_FEATURES"] = PROCESSORS[cpu]
    cache = tempfile.mkdtemp(prefix="edgehybrid-neon-")
    atexit.register(shutil.rmtree, cache, ignore_errors=True)
    os.environ["NUMBA_CACHE_DIR"] = cache
    from llvmlite import binding

    llvm: Any = binding
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    by_triple = llvm.Target.from_triple
    by_triple(TRIPLE)  # RuntimeError where this llvmlite was built without it
    llvm.get_process_triple = llvm.get_default_triple = lambda: TRIPLE
    llvm.Target.from_default_triple = classmethod(lambda cls: by_triple(TRIPLE))


def assembly_of(task: str) -> str:
    """The code that Numba makes of a task, for the processor aimed at."""
    from edgehybrid_kernels import load_task

    loaded: Any = load_task(task)
    loaded.compile()
    (assembly,) = loaded._dispatcher.inspect_asm().values()
    return str(assembly)


def judge(task: str, cpu: str, assembly: str) -> tuple[str, str]:
    """What was found, and what is wrong with it or nothing."""
    wanted: Any = TASKS[task]
    names = wanted[cpu] if isinstance(wanted, dict) else wanted
    loops = list(innermost(assembly))
    working = [loop for loop in loops if any(loop.vectors()[name] for name in names)]
    scalar = [x for x in loops if x.scalars() and not SCALAR_BY_DESIGN.search(x.function)]
    spilling = sum(1 for loop in working if loop.spills())
    totals = ", ".join(f"{sum(x.vectors()[n] for x in working)} {n}" for n in names)
    found = f"{len(working):5}   {totals:22} {spilling:8} {len(scalar):6}"
    if not working:
        return found, f"no inner loop works with {' or '.join(names)} on vectors"
    if scalar:
        return found, f"an inner loop of {scalar[0].function[:60]} works on single floats"
    return found, ""


def check(cpu: str, tasks: list[str]) -> bool:
    """Prints a line for each task; whether nothing is wrong."""
    aim_at(cpu)
    good = True
    print(f"{cpu:22} loops   vector instructions    spilling scalar")
    for task in tasks:
        found, wrong = judge(task, cpu, assembly_of(task))
        good = good and not wrong
        print(f"  {task:20} {found}  {wrong}", flush=True)
    return good


def main() -> int:
    """One processor a process: Numba can be aimed once."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", choices=PROCESSORS, help="only this one")
    parser.add_argument("--tasks", default=",".join(TASKS), help="separated by commas")
    parser.add_argument("--listing", choices=TASKS, help="print the inner loops of this task")
    chosen = parser.parse_args()
    if chosen.cpu is None:
        command = [sys.executable, __file__, *sys.argv[1:], "--cpu"]
        return max(subprocess.run([*command, cpu], check=False).returncode for cpu in PROCESSORS)
    if chosen.listing:
        aim_at(chosen.cpu)
        for loop in innermost(assembly_of(chosen.listing)):
            print(loop.function[:100], *loop.code, sep="\n", end="\n\n")
        return 0
    return 0 if check(chosen.cpu, chosen.tasks.split(",")) else 1


if __name__ == "__main__":
    sys.exit(main())

"""Whether an ARM processor multiplies bytes by ``sdot``.

The list of features that Numba takes from the machine does not tell: on a Raspberry Pi 5 it is
``+aes,+crc,+fp-armv8,+lse,+neon,-rand,+sha2,-sve``, and that the processor has dot products follows
from its name alone. So LLVM is asked for the assembly of one dot product.
"""

from __future__ import annotations

from llvmlite import binding

_DOT = """
declare i32 @llvm.vector.reduce.add.v16i32(<16 x i32>)
define i32 @dot(<16 x i8> %a, <16 x i8> %b) {
  %x = sext <16 x i8> %a to <16 x i32>
  %y = sext <16 x i8> %b to <16 x i32>
  %products = mul <16 x i32> %x, %y
  %sum = call i32 @llvm.vector.reduce.add.v16i32(<16 x i32> %products)
  ret i32 %sum
}
"""


def has_sdot(triple: str, cpu: str, features: str) -> bool:
    """Asks LLVM, which takes a hundredth of a second; False for other processors than ARM's."""
    if not triple.startswith(("aarch64", "arm64")):
        return False
    target = binding.Target.from_triple(triple)
    machine = target.create_target_machine(cpu=cpu, features=features)
    return "sdot" in machine.emit_assembly(binding.parse_assembly(_DOT))

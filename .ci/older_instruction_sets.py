"""Prints the instruction sets that are built and that this processor has, but for the one it uses."""

from convwise import machine

built = machine.built()
if built is None:
    raise SystemExit("no kernels are installed")
usable = [isa.name for isa in machine.usable(machine.architecture(), machine.flags()) if isa.name in built.isas]
if "sse2" in built.isas and usable[-1:] != ["sse2"]:
    raise SystemExit(f"of {', '.join(built.isas)} this processor is said to have {', '.join(usable) or 'none'}")
print(*usable[1:])

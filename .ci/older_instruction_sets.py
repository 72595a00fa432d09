"""Prints the instruction sets that are built and that this processor has, but for the one it uses."""

from convwise import machine

built = machine.built()
names = built.isas if built else ()
usable = [isa.name for isa in machine.usable(machine.architecture(), machine.flags()) if isa.name in names]
print(*usable[1:])

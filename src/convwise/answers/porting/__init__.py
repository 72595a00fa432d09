"""One layer in two frameworks: ports that are exact, and where two layers differ. Data only; the numbers come from `convwise.proofs`."""

"""What `convwise.keras`, `convwise.torch` and `convwise.tensorflow` share: literal arguments, seeds, and running ops on arrays."""

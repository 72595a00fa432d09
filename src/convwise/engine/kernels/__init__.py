"""The Halide programs, family by family: needed where the library is built, never where it runs."""

"""Kernels in C++ for decoders on a CPU with AVX-512 and its bfloat16 products, built where they run."""

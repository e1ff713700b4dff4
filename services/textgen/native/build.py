"""Builds the kernels where they run, once: they are compiled for the very processor."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import structlog
import torch
from torch.utils import cpp_extension

log = structlog.get_logger(__name__)
_HERE = Path(__file__).parent
_COMPILER = "g++"
_NEEDED = frozenset({"avx512f", "avx512bw", "avx512vl", "avx512_bf16"})
# Sums are never reordered: how a loop was unrolled for a number of rows must not show in the result.
_MATHS = ("-ffast-math", "-fno-finite-math-only", "-fno-associative-math")
_FLAGS = ("-O3", "-march=native", "-fopenmp", *_MATHS, "-std=c++20", "-fPIC")
_LIBRARIES = ("-ltorch", "-ltorch_cpu", "-lc10")


def why_not() -> str | None:
    """A reason why the kernels can't be built here, or None."""
    if missing := _NEEDED - _processor_flags():
        return f"the processor lacks {', '.join(sorted(missing))}"
    if shutil.which(_COMPILER) is None:
        return f"there is no C++ compiler ({_COMPILER})"
    return None


def load(source: str) -> str | None:
    """Make the class in "decoder" or "encoder" available, in torch.classes.quadrille; a reason why it is not, or None.

    At first it takes a minute.
    """
    if (reason := why_not()) is not None:
        return reason
    try:
        library = _folder() / f"{source}.so"
        if not library.exists():
            log.info("building_kernels", library=str(library))
            _build(source, library)
        torch.classes.load_library(str(library))
    except subprocess.CalledProcessError as error:
        return f"they could not be built: {_first_error(error.stderr)}"
    except OSError as error:
        return f"they could not be built: {error}"
    return None


def _folder() -> Path:
    sources = sorted([*_HERE.glob("*.cpp"), *_HERE.glob("*.h")])
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
    digest.update(f"{torch.__version__} {sorted(_processor_flags())} {_FLAGS}".encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "quadrille" / f"kernels-{digest.hexdigest()[:16]}"


def _build(source: str, library: Path) -> None:
    library.parent.mkdir(parents=True, exist_ok=True)
    made, partial = (library.with_suffix(f".{os.getpid()}.{end}") for end in ("o", "so"))
    includes = [f"-isystem{path}" for path in cpp_extension.include_paths()]
    places = [f"-L{path}" for path in cpp_extension.library_paths()]
    try:
        _run([*_FLAGS, *includes, "-c", str(_HERE / f"{source}.cpp"), "-o", str(made)])
        # Without -fopenmp: its runtime is the one that torch has loaded; another would start threads of its own.
        _run(["-shared", str(made), *places, *_LIBRARIES, "-o", str(partial)])
        partial.replace(library)
    finally:
        for path in (made, partial):
            path.unlink(missing_ok=True)


def _run(arguments: list[str]) -> None:
    subprocess.run([_COMPILER, *arguments], check=True, capture_output=True, text=True)


def _first_error(output: str) -> str:
    return next((line for line in output.splitlines() if "error" in line), "the compiler failed")[:300]


def _processor_flags() -> frozenset[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    flags = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(flags.partition(":")[2].split())

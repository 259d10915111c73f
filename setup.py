"""The one extension of hpo_fast. Everything else is in pyproject.toml.

Environment: HPO_WERROR=1 makes warnings errors, HPO_NO_CLONES=1 turns SIMD dispatch off and pybind11's check on that the GIL is
held, HPO_SANITIZE=thread|address does so too and adds a sanitizer.
"""

import os
import sys
from pathlib import Path

from pybind11.setup_helpers import ParallelCompile, Pybind11Extension, build_ext
from setuptools import setup

ROOT = Path(__file__).parent
sources = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("cpp/*/*.cpp"))
headers = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("cpp/*/*.h"))


def needs_recompile(obj: str, src: str) -> bool:
    """Whether the object is older than its source or any header: pybind11's own check does not know headers."""
    if not Path(obj).exists():
        return True
    return max(Path(path).stat().st_mtime for path in (src, __file__, *headers)) > Path(obj).stat().st_mtime


# No -ffast-math: it breaks the rounding trick of the fast exp (cpp/base/vmath.h).
if sys.platform == "win32":
    flags = ["/O2", "/W4"] + (["/WX"] if os.environ.get("HPO_WERROR") else [])
else:
    flags = ["-O3", "-fno-math-errno", "-fno-trapping-math", "-Wall", "-Wextra"] + (["-Werror"] if os.environ.get("HPO_WERROR") else [])
links = []
if sanitizer := os.environ.get("HPO_SANITIZE"):
    flags += [f"-fsanitize={sanitizer}", "-g", "-O1"]
    links += [f"-fsanitize={sanitizer}"]

extension = Pybind11Extension(
    "hpo_fast._core",
    sources,
    include_dirs=["cpp"],
    depends=headers,
    cxx_std=17,
    define_macros=[(name, "1") for name in ("HPO_NO_CLONES", "PYBIND11_ASSERT_GIL_HELD_INCREF_DECREF")]
    if os.environ.get("HPO_NO_CLONES") or sanitizer
    else [],
    extra_compile_args=flags,
    extra_link_args=links,
)

ParallelCompile("HPO_BUILD_JOBS", default=0, needs_recompile=needs_recompile).install()
setup(ext_modules=[extension], cmdclass={"build_ext": build_ext})

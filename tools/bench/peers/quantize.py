"""Rounds an F16 GGUF file by llama.cpp's own quantiser: python quantize.py NODE_MODULES FROM.gguf TO.gguf Q8_0|Q4_K_M

The library is the one that node-llama-cpp brings, called through its C interface.
"""

import ctypes
import sys
from pathlib import Path

# enum llama_ftype in llama.h
FTYPES = {"Q8_0": 7, "Q4_K_M": 15}


class Params(ctypes.Structure):
    """llama_model_quantize_params: the first two fields, and room for the rest, which keeps its defaults."""

    _fields_ = [("threads", ctypes.c_int32), ("ftype", ctypes.c_int32), ("rest", ctypes.c_byte * 1024)]


def library(node_modules):
    """llama.cpp as built for this machine; the packages of other platforms do not load."""
    for path in sorted(Path(node_modules).glob("@node-llama-cpp/*/bins/*/*llama.*")):
        if "cuda" in str(path) or "vulkan" in str(path) or path.suffix not in (".so", ".dylib", ".dll"):
            continue
        try:
            found = ctypes.CDLL(str(path))
            found.llama_model_quantize_default_params.restype = Params
            found.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
            return found
        except (OSError, AttributeError):
            continue
    raise SystemExit(f"{node_modules}: no llama.cpp library there works on this machine")


@ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
def log(level, text, _):
    """Errors alone: of every tensor, llama.cpp says what became of it."""
    if level == 4:
        sys.stderr.write(text.decode())


node_modules, source, target, precision = sys.argv[1:]
llama = library(node_modules)
llama.llama_log_set(log, None)
llama.llama_backend_init()
params = llama.llama_model_quantize_default_params()
params.ftype = FTYPES[precision]
if llama.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(params)) != 0:
    raise SystemExit(f"{source}: llama.cpp could not round it to {precision}")

"""Random ggml blocks and the floats that the reference package `gguf` reads from them.

    pip install gguf numpy
    python scripts/golden/gguf_blocks.py > src/engine/weights/gguf-dequant.golden.json
"""
import base64
import json

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, quants

rng = np.random.default_rng(7)
# Where a type's half-precision scales lie in a block: they get plausible sizes, all other bytes are random.
SCALES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
    "Q2_K": [80, 82], "Q3_K": [108], "IQ4_NL": [0], "IQ4_XS": [0],
}


def blocks(name: str) -> np.ndarray:
    if name == "F32":
        return rng.standard_normal((8, 1)).astype(np.float32).view(np.uint8)
    if name == "F16":
        edges = [0, 1, 0x3FF, 0x400, 0x8000, 0x83FF, 0xFBFF, 0x7BFF, 0x3C00]
        return np.array(edges + list(rng.integers(0, 0x7BFF, 7)), dtype=np.uint16).reshape(-1, 1).view(np.uint8)
    if name == "BF16":
        edges = [0, 1, 0x8000, 0x3F80, 0xBF80]
        return np.array(edges + list(rng.integers(0x3000, 0x4500, 11)), dtype=np.uint16).reshape(-1, 1).view(np.uint8)
    raw = rng.integers(0, 256, (2, GGML_QUANT_SIZES[GGMLQuantizationType[name]][1]), dtype=np.uint8)
    for at in SCALES[name]:
        for row in raw:
            row[at : at + 2] = (rng.standard_normal(1) * 0.05).astype(np.float16).view(np.uint8)
    return raw


def encoded(array: np.ndarray) -> str:
    return base64.b64encode(array.tobytes()).decode()


golden = []
for name in ["F32", "F16", "BF16", *SCALES]:
    raw = blocks(name)
    floats = quants.dequantize(raw.reshape(-1), GGMLQuantizationType[name]).astype("<f4")
    golden.append({"type": name, "bytes": encoded(raw), "floats": encoded(floats)})
print(json.dumps(golden, indent=2))

"""Writes golden logits of SmolLM2-135M-Instruct (Q4_1 GGUF, dequantised to float32 by transformers).

Run by hand, where requirements.txt is installed:
    python scripts/golden/smollm2_logits.py FILE.gguf [FOLDER]
Makes src/engine/golden/smollm2-135m-logits.json. With FOLDER, the dequantised model is also saved there as a Hugging
Face folder in bfloat16 (for trying the safetensors path by hand; its logits differ slightly, by the rounding).
"""

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

OUT = Path(__file__).parents[2] / "src" / "engine" / "golden" / "smollm2-135m-logits.json"
TEXT = "The capital of France is Paris, and the capital of Italy is"
CHAT = [
    {"role": "system", "content": "You write short user profiles."},
    {"role": "user", "content": "The user read: The Hobbit, Dune, Foundation. What do they like?"},
]


def golden(model, name: str, ids: list[int]) -> dict:
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].double()
    logprobs = torch.log_softmax(logits, -1)
    last = logits[-1]
    # A step prime to the vocabulary size spreads the sample over common and rare tokens.
    sample = sorted({(i * 9973) % last.numel() for i in range(200)})
    top = torch.topk(last, 10)
    short = lambda values: [float(f"{x:.7g}") for x in values]
    return {
        "name": name,
        "ids": ids,
        "argmax": int(last.argmax()),
        "top10": {"ids": top.indices.tolist(), "logits": short(top.values.tolist())},
        "logits": {"ids": sample, "values": short(last[sample].tolist())},
        "nextTokenLogprobs": short(logprobs[torch.arange(len(ids) - 1), torch.tensor(ids[1:])].tolist()),
    }


def main() -> None:
    gguf = Path(sys.argv[1])
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.float32).eval()
    prompts = [
        golden(model, "text", tokenizer(TEXT, add_special_tokens=False).input_ids),
        golden(model, "chat", tokenizer.apply_chat_template(CHAT, add_generation_prompt=True)),
    ]
    rows = ",\n".join(json.dumps(p, separators=(",", ":")) for p in prompts)
    source = {"model": "SmolLM2-135M-Instruct Q4_1, float32", "file": gguf.name}
    OUT.write_text('{"source":' + json.dumps(source) + ',\n"prompts":[\n' + rows + "\n]}\n")
    print(OUT.stat().st_size, "bytes", [len(p["ids"]) for p in prompts],
          [tokenizer.decode(p["top10"]["ids"]) for p in prompts])
    if len(sys.argv) > 2:
        model.to(torch.bfloat16).save_pretrained(sys.argv[2])
        tokenizer.save_pretrained(sys.argv[2])


if __name__ == "__main__":
    main()

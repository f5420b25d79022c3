"""Writes tiny random models and their logits, from which the engine's forward pass is tested in every test run.

Run by hand, where requirements.txt is installed:  python scripts/golden/tiny_models.py
Makes src/engine/golden/tiny-*/{config.json, model.safetensors, expected.json}; expected.json holds the prompt and its
logits [position][vocab], computed by transformers in float32.
"""

import json
import shutil
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

OUT = Path(__file__).parents[2] / "src" / "engine" / "golden"
PROMPT = [1, 17, 5, 42, 63, 0, 8, 8, 31, 20]

COMMON = dict(
    vocab_size=64, hidden_size=32, intermediate_size=10, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
)
# Wavelengths 6, 30, 140 and 664: one left alone, one blended, two slowed down.
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
MODELS = {
    "tiny-llama": (LlamaForCausalLM, LlamaConfig(
        **COMMON, rope_theta=500.0, rope_scaling=LLAMA3, max_position_embeddings=128, tie_word_embeddings=False)),
    "tiny-qwen2": (Qwen2ForCausalLM, Qwen2Config(
        **COMMON, rope_theta=10000.0, max_position_embeddings=64, tie_word_embeddings=True)),
    "tiny-qwen3": (Qwen3ForCausalLM, Qwen3Config(
        **{**COMMON, "num_attention_heads": 3, "num_key_value_heads": 1}, head_dim=12, rope_theta=1000000.0, max_position_embeddings=64,
        tie_word_embeddings=False)),
}


def main() -> None:
    for seed, (name, (cls, config)) in enumerate(MODELS.items()):
        torch.manual_seed(seed)
        model = cls(config).eval().float()
        with torch.no_grad():
            # The default initialisation leaves norms at 1, biases at 0 and logits near 0: a mistake would hide.
            for key, p in model.named_parameters():
                p.copy_(torch.randn_like(p) * 0.2 + (1.0 if "norm" in key else 0.0))
            logits = model(torch.tensor([PROMPT])).logits[0]
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        for file in folder.iterdir():
            file.chmod(0o644)
        rows = [[float(f"{x:.7g}") for x in row] for row in logits.tolist()]
        text = '{"prompt":' + json.dumps(PROMPT) + ',"logits":[\n' + ",\n".join(
            json.dumps(r, separators=(",", ":")) for r in rows) + "\n]}\n"
        (folder / "expected.json").write_text(text)
        print(name, sum(f.stat().st_size for f in folder.iterdir()), "bytes; std of logits", logits.std().item())


if __name__ == "__main__":
    main()

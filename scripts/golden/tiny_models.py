"""Writes tiny random models with their logits and adapter gradients, which the engine is tested with in every test run.

Run by hand, where requirements.txt is installed:  python scripts/golden/tiny_models.py [NAME …]
Makes src/engine/golden/tiny-*/{config.json, model.safetensors, expected.json}, all of them or those named.
expected.json holds the prompt and its logits [position][vocab], computed by transformers in float32; of most models also
`gradients`: of the mean cross-entropy of the prompt's own tokens, by every tensor of a LoRA adapter of rank 2 on all
projections, whose values are those of `adapter`. Projections that a family joins are adapted one by one.
"""

import json
import math
import shutil
import sys
from pathlib import Path

import torch
import transformers as t

OUT = Path(__file__).parents[2] / "src" / "engine" / "golden"
PROMPT = [1, 17, 5, 42, 63, 0, 8, 8, 31, 20]
LONG = [(7 * i * i + 3 * i + 1) % 64 for i in range(24)]
RANK, SCALE = 2, 2.0

COMMON = dict(
    vocab_size=64, hidden_size=32, intermediate_size=10, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, rms_norm_eps=1e-5, bos_token_id=1, eos_token_id=2,
)
SMALL = {**COMMON, "hidden_size": 16, "pad_token_id": 0, "max_position_embeddings": 64}
# Wavelengths 6, 30, 140 and 664: one left alone, one blended, two slowed down.
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
MULTIPLIERS = dict(embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=2.5)
MODELS = {
    "tiny-llama": (t.LlamaForCausalLM, t.LlamaConfig(
        **COMMON, rope_theta=500.0, rope_scaling=LLAMA3, max_position_embeddings=128, tie_word_embeddings=False)),
    "tiny-qwen2": (t.Qwen2ForCausalLM, t.Qwen2Config(
        **COMMON, rope_theta=10000.0, max_position_embeddings=64, tie_word_embeddings=True)),
    "tiny-qwen3": (t.Qwen3ForCausalLM, t.Qwen3Config(
        **{**COMMON, "num_attention_heads": 3, "num_key_value_heads": 1}, head_dim=12, rope_theta=1000000.0, max_position_embeddings=64,
        tie_word_embeddings=False)),
}
# The families below came later: they are smaller, in bfloat16, and their texts are longer than their windows.
LATER = {
    "tiny-gemma3": (t.Gemma3ForCausalLM, t.Gemma3TextConfig(
        **{**SMALL, "num_hidden_layers": 3}, head_dim=8, sliding_window=5, query_pre_attn_scalar=11, rope_theta=1000.0,
        rope_local_base_freq=50.0, rope_scaling=dict(rope_type="linear", factor=4.0),
        layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "tiny-smollm3": (t.SmolLM3ForCausalLM, t.SmolLM3Config(
        **{**SMALL, "num_hidden_layers": 4}, rope_theta=500.0)),
    "tiny-mistral": (t.MistralForCausalLM, t.MistralConfig(**SMALL, head_dim=6, sliding_window=7, rope_theta=500.0)),
    "tiny-ministral": (t.MinistralForCausalLM, t.MinistralConfig(
        **SMALL, head_dim=6, sliding_window=4, rope_theta=500.0, layer_types=["full_attention", "sliding_attention"])),
    "tiny-granite": (t.GraniteForCausalLM, t.GraniteConfig(**SMALL, **MULTIPLIERS, rope_theta=500.0)),
    "tiny-granite4": (t.GraniteMoeHybridForCausalLM, t.GraniteMoeHybridConfig(
        **SMALL, **MULTIPLIERS, rope_theta=500.0, shared_intermediate_size=10, num_local_experts=0,
        num_experts_per_tok=0, position_embedding_type="rope", layer_types=["attention", "attention"],
        tie_word_embeddings=True, mamba_n_heads=4)),
    "tiny-phi3": (t.Phi3ForCausalLM, t.Phi3Config(
        **{**SMALL, "hidden_size": 32, "max_position_embeddings": 128}, partial_rotary_factor=0.75, sliding_window=9, original_max_position_embeddings=64,
        rope_theta=500.0,
        rope_scaling=dict(type="longrope", short_factor=[1.0, 1.3, 2.0], long_factor=[1.0, 3.0, 8.0]))),
    "tiny-olmo2": (t.Olmo2ForCausalLM, t.Olmo2Config(**SMALL, rope_theta=500.0)),
    "tiny-yarn": (t.Qwen2ForCausalLM, t.Qwen2Config(
        **SMALL, rope_theta=500.0, tie_word_embeddings=True,
        rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=2.0))),
}

# Engine names, and the rows of transformers' module (of all, or of some where modules are joined).
PARTS = {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj", "o": "self_attn.o_proj",
         "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
JOINED = {
    "tiny-phi3": {"q": "self_attn.qkv_proj", "k": "self_attn.qkv_proj", "v": "self_attn.qkv_proj",
                  "gate": "mlp.gate_up_proj", "up": "mlp.gate_up_proj"},
    "tiny-granite4": {"gate": "shared_mlp.input_linear", "up": "shared_mlp.input_linear",
                      "down": "shared_mlp.output_linear"},
}


def adapter(layer: int, part: int, matrix: int, rows: int, columns: int) -> torch.Tensor:
    """[rows, columns] values that a test computes, too."""
    start = 1 + 31 * layer + 7 * part + 3 * matrix
    return torch.tensor([[0.2 * math.sin(start + 1.7 * r + 0.9 * c) for c in range(columns)] for r in range(rows)],
                        dtype=torch.float32)


def gradients(name: str, model: torch.nn.Module, tokens: list[int]) -> dict[str, list]:
    """Gradients by engine name: A [inputs, rank] and B [rank, outputs] of y += SCALE·(x·A)·B, five digits."""
    config, found = model.config, {}
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    widths = {"q": config.num_attention_heads * head, "k": config.num_key_value_heads * head,
              "v": config.num_key_value_heads * head, "gate": 10, "up": 10}
    for l, layer in enumerate(model.model.layers):
        places: dict[str, list[str]] = {}
        for part in PARTS:
            places.setdefault({**PARTS, **JOINED.get(name, {})}[part], []).append(part)
        for place, parts in places.items():
            module = layer.get_submodule(place)
            pairs = []
            for part in parts:
                outputs = widths[part] if len(parts) > 1 else module.out_features
                a = adapter(l, list(PARTS).index(part), 0, module.in_features, RANK).requires_grad_()
                b = adapter(l, list(PARTS).index(part), 1, RANK, outputs).requires_grad_()
                found[f"l{l}.{part}.A"], found[f"l{l}.{part}.B"] = a, b
                pairs.append((a, b))
            module.register_forward_hook(
                lambda _, inputs, y, pairs=pairs: y + SCALE * torch.cat([inputs[0] @ a @ b for a, b in pairs], dim=-1))
    ids = torch.tensor([tokens])
    model(ids, labels=ids).loss.backward()
    # Five decimal digits of a gradient whose largest values are near 1.
    return {key: [float(f"{x:.5g}") for x in p.grad.flatten().tolist()] for key, p in found.items()}


def main() -> None:
    chosen = sys.argv[1:]
    for seed, (name, (cls, config)) in enumerate({**MODELS, **LATER}.items()):
        if chosen and name not in chosen:
            continue
        torch.manual_seed(seed)
        model = cls(config).eval().float()
        prompt = LONG if name in LATER else PROMPT
        with torch.no_grad():
            # The default initialisation leaves norms at 1, biases at 0 and logits near 0: a mistake would hide.
            for key, p in model.named_parameters():
                p.copy_(torch.randn_like(p) * 0.2 + (1.0 if "norm" in key else 0.0))
                if name in LATER:
                    p.copy_(p.bfloat16())
            logits = model(torch.tensor([prompt])).logits[0]
        expected = {"gradients": gradients(name, model, prompt)} if name in LATER else {}
        folder = OUT / name
        shutil.rmtree(folder, ignore_errors=True)
        (model.bfloat16() if name in LATER else model).save_pretrained(folder)
        for file in folder.iterdir():
            file.chmod(0o644)
        digits = 5 if name in LATER else 7
        rows = [[float(f"{x:.{digits}g}") for x in row] for row in logits.tolist()]
        text = '{"prompt":' + json.dumps(prompt) + "".join(
            f',"{key}":' + json.dumps(value, separators=(",", ":")) for key, value in expected.items()) + ',"logits":[\n' + ",\n".join(
            json.dumps(r, separators=(",", ":")) for r in rows) + "\n]}\n"
        (folder / "expected.json").write_text(text)
        print(name, sum(f.stat().st_size for f in folder.iterdir()), "bytes; std of logits", logits.std().item())


if __name__ == "__main__":
    main()

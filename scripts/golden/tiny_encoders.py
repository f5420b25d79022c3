"""Writes tiny random sentence encoders with their vectors, which the engine is tested with in every test run.

Run by hand, where requirements.txt is installed:  python scripts/golden/tiny_encoders.py
Makes src/engine/golden/encoder-{mean,cls}/: the first of safetensors and pooling by the mean, the second an ONNX file and
the first token's vector. expected.json holds texts and their vectors by sentence-transformers, of length 1; `prompt` is
that of a query.

With a folder, it prints the same of a real encoder:  … tiny_encoders.py FOLDER > FOLDER/expected.json
"""

import json
import os
import shutil
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers as t
from sentence_transformers import SentenceTransformer, models
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import WordPiece

OUT = Path(__file__).parents[2] / "src" / "engine" / "golden"
TEXTS = [
    "how to prune roses", "Roses, pruned in MARCH!", "deep learning for images", "x", "",
    "Crème brûlée für 3,50 € — naïve?", "東京 tower 日本語", "tabs\tand\nlines", "unknown ☃ snowman",
    "a supercalifragilistic network, and beans on a trellis",
    "the [SEP of a text and 'quotes' don't end it...",
]
PROMPTS = {"query": "find this: ", "passage": ""}


def tokenizer() -> t.PreTrainedTokenizerFast:
    tok = Tokenizer(WordPiece(unk_token="[UNK]"))
    tok.normalizer = normalizers.BertNormalizer(lowercase=True)
    tok.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tok.decoder = decoders.WordPiece()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    texts = [text.replace("☃", "") for text in TEXTS] + ["find this"]
    tok.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False))
    tok.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return t.PreTrainedTokenizerFast(tokenizer_object=tok, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]",
                                     sep_token="[SEP]", mask_token="[MASK]", model_max_length=64)


def vectors(model: SentenceTransformer) -> dict:
    encode = lambda **options: model.encode(TEXTS, normalize_embeddings=True, **options)
    digits = lambda rows: [[float(f"{x:.7g}") for x in row] for row in rows.tolist()]
    query = model.prompts.get("query", "")
    return {"texts": TEXTS, "prompt": query, "vectors": digits(encode()), "queries": digits(encode(prompt=query))}


def write(name: str, pooling: str) -> None:
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    tok = tokenizer()
    torch.manual_seed(len(pooling))
    bert = t.BertModel(t.BertConfig(
        vocab_size=len(tok), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24,
        max_position_embeddings=64), add_pooling_layer=False).eval()
    with torch.no_grad():
        # The default initialisation leaves norms at 1 and biases at 0: a mistake would hide.
        for key, p in bert.named_parameters():
            p.copy_((torch.randn_like(p) * 0.3 + (1.0 if "LayerNorm.weight" in key else 0.0)).bfloat16())
    bert.save_pretrained(folder)
    tok.save_pretrained(folder)
    transformer = models.Transformer(str(folder), max_seq_length=48)
    model = SentenceTransformer(modules=[transformer, models.Pooling(16, pooling), models.Normalize()], prompts=PROMPTS)
    model.save(str(folder), create_model_card=False)
    if pooling == "cls":
        (folder / "onnx").mkdir()
        axes = {0: "batch", 1: "length"}
        names = ["input_ids", "attention_mask", "token_type_ids"]
        bert.set_attn_implementation("eager")
        torch.onnx.export(bert, tuple(torch.ones(2, 5, dtype=torch.long) for _ in names), str(folder / "onnx" / "model.onnx"),
                          input_names=names, output_names=["last_hidden_state"], dynamo=False,
                          dynamic_axes={name: axes for name in [*names, "last_hidden_state"]})
        (folder / "model.safetensors").unlink()
    for file in folder.rglob("*"):
        file.chmod(0o755 if file.is_dir() else 0o644)
    rows = {key: "[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in value) + "\n]" if key in ("vectors", "queries")
            else json.dumps(value, ensure_ascii=False) for key, value in vectors(model).items()}
    (folder / "expected.json").write_text("{" + ",\n".join(f'"{key}":{value}' for key, value in rows.items()) + "}\n")
    print(name, sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()), "bytes")


if len(sys.argv) > 1:
    print(json.dumps(vectors(SentenceTransformer(sys.argv[1]))))
else:
    write("encoder-mean", "mean")
    write("encoder-cls", "cls")

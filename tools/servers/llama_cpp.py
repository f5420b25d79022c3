"""A real llama.cpp server of the nano model: its Hugging Face folder becomes a GGUF file, which is served.

    python llama_cpp.py <folder of nano> <file.gguf> <port>
"""

import json
import sys
import time

import gguf
import numpy as np
import xllamacpp

folder, path, port = sys.argv[1], sys.argv[2], int(sys.argv[3])


def read_json(name):
    with open(f"{folder}/{name}", encoding="utf-8") as file:
        return json.load(file)


def tensors():
    """Name and values of each tensor of model.safetensors, all of which are F16."""
    with open(f"{folder}/model.safetensors", "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        start = file.tell()
        for name, about in header.items():
            if name == "__metadata__":
                continue
            assert about["dtype"] == "F16", about
            begin, end = about["data_offsets"]
            file.seek(start + begin)
            yield name, np.frombuffer(file.read(end - begin), np.float16).reshape(about["shape"])


def interleaved(rows, heads):
    """llama.cpp rotates neighbouring rows of a head, Hugging Face those half a head apart."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def write():
    config, settings, vocabulary = (read_json(f"{name}.json") for name in ("config", "tokenizer_config", "tokenizer"))
    layers, heads, kv_heads = (config[f"num_{name}"] for name in ("hidden_layers", "attention_heads", "key_value_heads"))
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(layers)
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_theta"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    ids = vocabulary["model"]["vocab"] | {token["content"]: token["id"] for token in vocabulary["added_tokens"]}
    special = {token["content"] for token in vocabulary["added_tokens"]}
    tokens = sorted(ids, key=ids.get)
    kinds = gguf.TokenType
    merges = (merge if isinstance(merge, str) else " ".join(merge) for merge in vocabulary["model"]["merges"])
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([kinds.CONTROL if token in special else kinds.NORMAL for token in tokens])
    writer.add_token_merges(list(merges))
    writer.add_bos_token_id(ids[settings["bos_token"]])
    writer.add_eos_token_id(ids[settings["eos_token"]])
    writer.add_add_bos_token(False)
    writer.add_chat_template(settings["chat_template"])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    for name, values in tensors():
        if "q_proj" in name or "k_proj" in name:
            values = interleaved(values, heads if "q_proj" in name else kv_heads)
        vector = values.ndim == 1
        writer.add_tensor(names.get_name(name, (".weight",)), values.astype(np.float32) if vector else values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


write()
params = xllamacpp.CommonParams()
params.model.path = path
params.hostnames, params.port = ["127.0.0.1"], port
params.n_ctx, params.n_parallel, params.cpuparams.n_threads, params.warmup = 1024, 1, 1, False
server = xllamacpp.Server(params)
while True:
    time.sleep(3600)

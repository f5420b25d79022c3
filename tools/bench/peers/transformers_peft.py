"""The work on transformers and PEFT, as their users do it:
python transformers_peft.py SIZE FOLDER CASE THREADS PRECISION

Rows of a batch are whole texts: the prompt is repeated for every completion, as TRL's trainers do. Logits are taken at
the scored positions only (logits_to_keep), attention is SDPA, nothing is recomputed: the fastest settings. Precisions:
f32, bf16 (the base is loaded so), autocast (an f32 base whose products are computed in bf16).
"""

import math

from work import SEEDS, arguments, report, spread, timed, tokens

work, folder, name, threads, precision = arguments()

import torch  # noqa: E402 (threads are set by the environment)
from peft import LoraConfig, get_peft_model  # noqa: E402
from transformers import AutoModelForCausalLM  # noqa: E402

torch.set_num_threads(threads)
torch.manual_seed(1)
kind, _, batch = name.partition("-")
sizes = work[kind]
vocab = work["vocab"]
dtype = torch.bfloat16 if precision == "bf16" else torch.float32


def ids(seed, n):
    return tokens(seed, n, vocab)


def opened():
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa").eval()


def logprobs_of(model, rows, length):
    """[row][length] log probabilities of the last `length` tokens of each row."""
    logits = model(input_ids=rows, logits_to_keep=length + 1, use_cache=False).logits[:, :-1].float()
    targets = rows[:, -length:].unsqueeze(-1)
    return logits.gather(-1, targets).squeeze(-1) - logits.logsumexp(-1)


def training_step(rows, length, advantages):
    lora = work["lora"]
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    config = LoraConfig(r=lora["rank"], lora_alpha=lora["alpha"], target_modules=targets, task_type="CAUSAL_LM")
    model = get_peft_model(opened(), config).train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=1e-5, weight_decay=0.0)
    rows = torch.tensor(rows)
    advantage = torch.tensor(advantages).unsqueeze(-1)
    first = []

    def step():
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
            logprobs = logprobs_of(model, rows, length)
        first.append(spread(logprobs.flatten().tolist()))
        ratio = torch.exp(logprobs + math.log(vocab))
        loss = -torch.min(ratio * advantage, ratio.clamp(0.8, 1.2) * advantage).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()

    seconds = timed(work["runs"], step)
    report(seconds, len(rows) * length, "tok", first[0])


def train():
    rows = [ids(SEEDS["train"] + r, sizes["tokens"] + 1) for r in range(sizes["rows"])]
    training_step(rows, sizes["tokens"], [1.0 - r for r in range(len(rows))])


def group():
    prompt = ids(SEEDS["group"], sizes["prompt"])
    count = sizes["completions"]
    rows = [prompt + ids(SEEDS["group"] + 1 + i, sizes["tokens"]) for i in range(count)]
    training_step(rows, sizes["tokens"], [i / count - 0.5 for i in range(count)])


def prefill():
    model = opened()
    rows = torch.tensor([ids(SEEDS["prefill"] + i, sizes["tokens"]) for i in range(sizes["prompts"])])
    check = []

    def run():
        logits = model(input_ids=rows, logits_to_keep=1, use_cache=True).logits[:, -1, 1:17].float()
        check.append((logits - logits.mean(-1, keepdim=True)).flatten().tolist())

    seconds = timed(work["runs"], run)
    report(seconds, rows.numel(), "tok", check[0])


def decode():
    model = opened()
    prompt = torch.tensor([ids(SEEDS["decode"], sizes["prompt"])])
    mask = torch.ones_like(prompt)

    def time_of(length):
        def run():
            model.generate(
                input_ids=prompt,
                attention_mask=mask,
                do_sample=True,
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                num_return_sequences=int(batch),
                min_new_tokens=length,
                max_new_tokens=length,
                pad_token_id=0,
            )

        return timed(work["runs"], run)

    # The prompt's time and the first token's fall out of the difference.
    seconds = time_of(sizes["long"]) - time_of(sizes["short"])
    report(seconds, int(batch) * (sizes["long"] - sizes["short"]), "tok")


def judge():
    model = opened()
    prefix = ids(SEEDS["judge"], sizes["prefix"])
    rows = [prefix + ids(SEEDS["judge"] + 1 + i, sizes["tokens"]) for i in range(sizes["continuations"])]
    rows = torch.tensor(rows)
    check = []

    def run():
        check.append(spread(logprobs_of(model, rows, sizes["tokens"]).flatten().tolist()))

    seconds = timed(work["runs"], run)
    report(seconds, len(rows), "pairs", check[0])


if kind in ("train", "group"):
    {"train": train, "group": group}[kind]()
else:
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "autocast"):
        {"prefill": prefill, "decode": decode, "judge": judge}[kind]()

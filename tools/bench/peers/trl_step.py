"""A whole GRPO step by TRL's GRPOTrainer with PEFT: python trl_step.py SIZE FOLDER step THREADS PRECISION

The reward is the likelihood judge by transformers: the frozen base scores every candidate after every rollout, in batches
of 64 rows. Settings are TRL's fastest for this work: no reference model (beta 0), one pass a rollout batch, no gradient
checkpointing, no evaluation. A step of one user warms up. Precisions are those of transformers_peft.py.
"""

import gc
import math
import tempfile
import time

from work import SEEDS, arguments, report, tokens

work, folder, name, threads, precision = arguments()

import torch  # noqa: E402 (threads are set by the environment)
from datasets import Dataset  # noqa: E402
from peft import LoraConfig  # noqa: E402
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402

torch.set_num_threads(threads)
sizes = work["step"]
vocab = work["vocab"]
dtype = torch.bfloat16 if precision == "bf16" else torch.float32
autocast = precision == "autocast"
BATCH = 64


def ids(seed, n):
    return tokens(seed, n, vocab)


def opened():
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="sdpa")


class Clock(TrainerCallback):
    """Seconds of a step, and of the phases in it."""

    def on_step_begin(self, *_, **__):
        self.started = time.perf_counter()
        self.phases = {"rollout": 0.0, "judge": 0.0}

    def on_step_end(self, *_, **__):
        self.seconds = time.perf_counter() - self.started
        self.phases["train"] = self.seconds - sum(self.phases.values())

    def timed(self, phase, function):
        def run(*args, **kwargs):
            started = time.perf_counter()
            result = function(*args, **kwargs)
            self.phases[phase] += time.perf_counter() - started
            return result

        return run


base = opened().eval()
prefix = ids(SEEDS["step"] + 200, sizes["judgePrefix"])
pool = [ids(SEEDS["step"] + 100 + c, sizes["candidateTokens"]) for c in range(sizes["candidates"])]


@torch.inference_mode()
def judged(completion_ids):
    """NDCG of the first candidate among the pool, for each rollout."""
    rows = [prefix + list(rollout) + candidate for rollout in completion_ids for candidate in pool]
    length = sizes["candidateTokens"]
    longest = max(len(row) for row in rows)
    # Padded on the left: positions restart after the padding, and the candidates end every row.
    padded = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    scores = []
    for at in range(0, len(rows), BATCH):
        part, seen = padded[at : at + BATCH], mask[at : at + BATCH]
        positions = (seen.cumsum(-1) - 1).clamp(min=0)
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            output = base(
                input_ids=part, attention_mask=seen, position_ids=positions, logits_to_keep=length + 1, use_cache=False
            )
        logits = output.logits[:, :-1].float()
        chosen = logits.gather(-1, part[:, -length:].unsqueeze(-1)).squeeze(-1)
        scores.append((chosen - logits.logsumexp(-1)).mean(-1))
    scores = torch.cat(scores).view(len(completion_ids), len(pool))
    ranks = 1 + (scores > scores[:, :1]).sum(-1)
    return [1 / math.log2(rank + 1) for rank in ranks.tolist()]


def step(users):
    """One step on `users` prompts: its clock, after it."""
    clock = Clock()
    lora = work["lora"]
    prompts = [" ".join(f"t{token}" for token in ids(SEEDS["step"] + u, sizes["prompt"])) for u in range(users)]
    with tempfile.TemporaryDirectory() as output:
        trainer = GRPOTrainer(
            model=opened(),
            reward_funcs=lambda completion_ids, **_: clock.timed("judge", judged)(completion_ids),
            # Not AutoTokenizer: it would read the words as those of the shape's family.
            processing_class=PreTrainedTokenizerFast.from_pretrained(folder, padding_side="left"),
            train_dataset=Dataset.from_list([{"prompt": prompt} for prompt in prompts]),
            peft_config=LoraConfig(
                r=lora["rank"],
                lora_alpha=lora["alpha"],
                target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                task_type="CAUSAL_LM",
            ),
            args=GRPOConfig(
                output_dir=output,
                max_steps=1,
                per_device_train_batch_size=sizes["rollouts"],
                gradient_accumulation_steps=users,
                num_generations=sizes["rollouts"],
                max_completion_length=sizes["tokens"],
                generation_kwargs={"min_new_tokens": sizes["tokens"]},
                temperature=1.0,
                top_k=0,
                top_p=1.0,
                beta=0.0,
                learning_rate=1e-5,
                lr_scheduler_type="constant",
                gradient_checkpointing=False,
                bf16=autocast,
                use_cpu=True,
                save_strategy="no",
                report_to="none",
                logging_steps=1,
                disable_tqdm=True,
                seed=1,
            ),
            callbacks=[clock],
        )
        trainer._generate = clock.timed("rollout", trainer._generate)
        trainer.train()
    log = next(entry for entry in reversed(trainer.state.log_history) if "completions/mean_length" in entry)
    if log["completions/mean_length"] != sizes["tokens"]:
        raise SystemExit(f"the rollouts have {log['completions/mean_length']} tokens on average, not {sizes['tokens']}")
    return clock


step(1)
gc.collect()
clock = step(sizes["users"])
report(clock.seconds, sizes["users"] * sizes["rollouts"], "rollouts", None, clock.phases)

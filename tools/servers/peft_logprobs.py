"""Log probabilities of texts by transformers and PEFT, with and without an adapter.

    python peft_logprobs.py <model folder> <adapter folder> < texts.json > logprobs.json

texts.json: lists of token ids. logprobs.json: of each text, one number for every token but the first.
"""

import json
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

folder, adapter = sys.argv[1:]
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
model = PeftModel.from_pretrained(model, adapter).eval()
answers = []
with torch.no_grad():
    for tokens in json.load(sys.stdin):
        ids = torch.tensor([tokens])
        logprobs = model(input_ids=ids).logits[0, :-1].log_softmax(-1)
        answers.append(logprobs.gather(1, ids[0, 1:, None])[:, 0].tolist())
json.dump(answers, sys.stdout)

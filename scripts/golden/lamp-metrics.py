"""Random texts, labels, ratings and corpora, and what the reference implementations of LaMP's metrics say of them.

    pip install -r scripts/golden/requirements.txt
    python scripts/golden/lamp-metrics.py > src/lamp/golden/lamp-metrics.jsonl

Texts are made up. One case a line:
    ["rouge", gold, prediction, ROUGE-1, ROUGE-L]         F-measures without stemmer
    ["labels", golds, predictions, accuracy, macro-F1]    labels by number; -1 is an answer that is no label
    ["ratings", golds, predictions, MAE, RMSE]            predictions as written
    ["bm25", documents, query, scores]
"""
import json
import random
import warnings

from rank_bm25 import BM25Okapi
from rouge_score import rouge_scorer
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error, mean_squared_error

CASES = 220
LABELS = 15
rng = random.Random(11)
WORDS = (
    "the a of on and cat cats Dog dogs house river Blue blue run running RAN 7 42 2024 3.14 x1 e-mail it's don't naïve "
    "café İstanbul Straße 東京 мир emoji🙂 well-known (in) [2] U.S. C++ #tag @you 50% K ſ Ⅷ ² — ... a_b"
).split()
SPACES = [" "] * 12 + ["  ", "\n", "\t", "\u00a0", "\u3000", "\x1f", "\u200b", ", ", "! "]


def text(longest: int) -> str:
    if rng.random() < 0.04:
        return rng.choice(["", " ", "!?", "東京", "\n\t"])
    few = rng.random() < 0.5
    words = rng.sample(WORDS, 6) if few else WORDS
    return "".join(rng.choice(words) + rng.choice(SPACES) for _ in range(rng.randint(1, longest)))


def near(gold: str) -> str:
    """Some of the words of a text, partly reordered and with others between."""
    words = [w for w in gold.split() if rng.random() < 0.7]
    for _ in range(rng.randint(0, 3)):
        words.insert(rng.randint(0, len(words)), rng.choice(WORDS))
    if rng.random() < 0.3:
        rng.shuffle(words)
    return " ".join(words)


scorer = rouge_scorer.RougeScorer(["rouge1", "rougeL"], use_stemmer=False)
rouge = []
for _ in range(CASES):
    gold = text(14)
    prediction = near(gold) if rng.random() < 0.7 else text(20)
    scores = scorer.score(gold, prediction)
    rouge.append([gold, prediction, scores["rouge1"].fmeasure, scores["rougeL"].fmeasure])

labels = []
for _ in range(CASES):
    n, kinds = rng.randint(1, 40), rng.randint(1, LABELS)
    golds = [rng.randrange(kinds) for _ in range(n)]
    predictions = [g if rng.random() < 0.4 else rng.randint(-1, LABELS - 1) for g in golds]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        f1 = f1_score(golds, predictions, labels=list(range(LABELS)), average="macro")
    labels.append([golds, predictions, accuracy_score(golds, predictions), f1])

ratings = []
for _ in range(CASES):
    n = rng.randint(1, 30)
    golds = [rng.randint(1, 5) for _ in range(n)]
    predictions = [
        rng.choice([str(g), str(rng.randint(1, 5)), f"{rng.uniform(-2, 9):.3f}", f" {g}.0 ", "1e1", "-.5"]) for g in golds
    ]
    numbers = [float(p) for p in predictions]
    mse = mean_squared_error(golds, numbers)
    ratings.append([golds, predictions, mean_absolute_error(golds, numbers), mse**0.5])

bm25 = []
while len(bm25) < CASES:
    own = rng.sample(WORDS, rng.choice([3, 8, 20]))
    documents = [
        rng.choice(SPACES).join(rng.choices(own, k=rng.randint(0, 9))) if rng.random() < 0.8 else text(6)
        for _ in range(rng.randint(1, 7))
    ]
    split = [document.split() for document in documents]
    if not any(split):
        continue
    query = " ".join(rng.choices(own, k=rng.randint(1, 6))) if rng.random() < 0.8 else text(6)
    bm25.append([documents, query, BM25Okapi(split).get_scores(query.split()).round(12).tolist()])

for name, cases in {"rouge": rouge, "labels": labels, "ratings": ratings, "bm25": bm25}.items():
    for case in cases:
        print(json.dumps([name, *case], ensure_ascii=False, separators=(",", ":")))

"""The cards beside the data: what each set and model is, how it was made, by which command, under which licence."""

import hashlib
from pathlib import Path
from string import Template
from typing import Any

import corpora
import own
import paraphrases

LICENCE = "CC-BY-4.0 (see `LICENSE-TEXT-AND-DATA`)"

CORPORA = Template("""# The bundled corpora

Made by `data/recipes/`: a grammar (`*.grammar`), a lexicon (`reviews.lex`) and lists of names (`names.txt`)
written for this course, and a seeded program that draws from them. No sentence was taken from anywhere.
Licence: $licence. `python data/recipes/build.py --corpora` makes every byte again; `data/SHA256SUMS` holds
the hashes.

Three languages: English, Indonesian, Javanese; and for names in the news a fourth, Sundanese, which no model of the
course was pretrained on. The same kinds of things are said in each; apart from `translation/` and `paraphrases/`, no
text is the translation of another.

| folder | what | columns | train / valid / test per language |
| --- | --- | --- | --- |
| `sentiment/` | reviews of food, hotels, apps, transport | id, text, label (negative, neutral, positive) | $sentiment |
| `topic/` | short news, five topics | id, text, label | $topic |
| `ner/` | short news with PER, LOC, ORG | CoNLL: token, tab, IOB2 tag | $ner |
| `ner_bare/` | the same, with names that tell nothing; Sundanese too | CoNLL: token, tab, IOB2 tag | $ner_bare |
| `translation/` | English, with up to $paraphrases Indonesian paraphrases | id, english, indonesian | $translation |
| `paraphrases/` | short reviews, with what several translators make of each | id, english, indonesian | $paraphrased |
| `instructions/` | one-word tasks for chat models | see `instructions.py` | seed 12, users 400, test 240 |
| `unlabelled/` | short reviews, drawn like the labelled ones | id, text | $reviews (english, indonesian, javanese) |
| `unlabelled_long/` | long reviews, for the encoder | id, text | $reviews (english, indonesian, javanese) |
| `unlabelled_news/` | news | id, text | $news (english, indonesian, javanese, sundanese) |
| `../own/reviews.csv` | a reader's own file, with faults (see `own.py`) | customer, review, sentiment | $own in all |

How a review is made. A pattern sets the verdict: plain praise or blame; contrast ("A, but B": B counts);
concession ("although A, B"); what others said, what was expected, what was so last year (they do not
count); irony; wishes. It is filled with opinions on aspects, and $negated of the opinions say it by
negating the opposite. Neutral reviews ask, report, weigh good against bad, or only state facts. Typos and
missing capitals are sprinkled in. The long reviews say
more, and most carry a plain verdict as title or last word.

How `paraphrases/` differs from `translation/`. Its sources are short. Three translators with habits of their own
(formal, plain, friendly) say the small words differently, each consistently. A train source has two translations, each
by a translator drawn by lot, the formal one most often; a valid or test source has those of all three. In the train
split, $slipped of the translations belong to a neighbouring source, as in text gathered from the web.

How a news item is made. A sentence on the topic, sometimes a second one that fits every topic, and more
often than not a word on something else that happened, from another topic: counting words does not tell
which is which.

How `ner_bare/` differs from `ner/`. There, "Bank", "PT" and a first name give the type away, in any language. Here
every name is from one list, and only the words around it tell whether it is a person, a place or an organisation.

Some words and names occur in test splits only (lines with "!" in the lexicon and in the lists of names). No
text of a test split occurs in any train or unlabelled split, capitals and punctuation aside; a test checks
it.

Limits: the language of a grammar. It is simpler and more regular than what people write; results on it show
how methods compare, not how well they do on real text. For that there is the real track. The Javanese is
ngoko and has not been proofread by a native speaker. Nor has the Sundanese, which is machine-made from a lexicon
(`news.sundanese`).
""")

ENCODER = Template("""# encoder

A small BERT (Devlin et al., 2019): $layers layers, $hidden wide, $parameters parameters, WordPiece
vocabulary of $vocabulary (lower case), trained for this course to fill in masked words in the unlabelled
text of `data/corpora` ($texts texts in three languages).

- command: `make bundle` (`python data/recipes/build.py`), which checkpoints and resumes
- steps: $steps of $batch texts, seed $seed, learning rate $learning_rate (linear warm-up and decay), $masked
  of the tokens masked
- mean loss over the last steps: $last_loss nats (`loss.jsonl` has the whole curve)
- time: $minutes minutes on 2 CPU cores, float32
- sha256 of `model.safetensors`: `$sha256`
- licence: $licence

The corpora come out the same to the byte on every machine. The weights do so only with the same build of
torch on the same kind of CPU: floating-point sums depend on their order.
""")

TRANSLATION_TEACHER = Template("""# translation-teacher

A small Marian (an encoder-decoder; Junczys-Dowmunt et al., 2018): $layers + $layers layers, $d_model wide,
$parameters parameters, trained for this course to translate English into Indonesian on the $pairs sources of
`data/corpora/paraphrases`, one of a source's translations drawn anew in each pass. Its vocabulary, $vocabulary
byte-level BPE pieces with capitals, was learned from the same train split.

- command: `make bundle` (`python data/recipes/build.py`; this part alone: `--only translator`), which checkpoints and
  resumes
- steps: $steps of $batch pairs, seed $seed, learning rate $learning_rate (linear warm-up and decay), dropout $dropout
- mean loss over the last steps: $last_loss nats a token (`loss.jsonl` has the whole curve)
- time: $minutes minutes on 1 CPU core, float32
- `beams.jsonl`: its best translation of each train source, of the first 2,000 the 5 best (beam of 5,
  length penalty 1)
- sha256 of `model.safetensors`: `$sha256`
- licence: $licence
""")

TRANSLATION_STUDENT = Template("""# translation-student

Only a shape, no weights: a Marian of $layers + $layers layers, $d_model wide, with the vocabulary of the translation
teacher. Its weights start at random and are trained in the notebook. Licence: $licence.
""")

CHAT = Template("""# chat-$name

A small GPT-2 (Radford et al., 2019): $n_layer layers, $n_embd wide, $parameters parameters, a vocabulary of $vocabulary
whole words, trained for this course on $read.
`data/recipes/instructions.py` drew them.

- command: `make bundle` (`python data/recipes/build.py`; this part alone: `--only chat`), which checkpoints and
  resumes
- steps: $steps of $batch documents, seed $seed, learning rate $learning_rate (linear warm-up and decay)
- mean loss over the last steps: $last_loss nats a word (`loss.jsonl` has the whole curve)
- time: $minutes minutes on 1 CPU core, float32
- sha256 of `model.safetensors`: `$sha256`
- licence: $licence
""")
CHAT_READ = {
    "teacher": "statements, sheets of questions,\nand conversations in which every answer is right",
    "base": "statements and sheets of questions\nwithout answers; it never saw a conversation",
}

LANGUAGES = Template("""# language-adapters

Language adapters of MAD-X (Pfeiffer et al., 2020) for the encoder of this course, one file each, $parameters
parameters: a bottleneck of $bottleneck in each layer, and an invertible adapter. Trained to fill in masked words in
`data/corpora/unlabelled_news`, the encoder and its head frozen.

- command: `make bundle` (`python data/recipes/build.py`; this part alone: `--only languages`), which checkpoints and
  resumes
- texts: $texts
- steps: $steps of $batch texts for each language, seed $seed, learning rate $learning_rate (linear warm-up and decay),
  $masked of the tokens masked
- mean loss over the last steps, in nats: $losses (`loss.jsonl` has the curves)
- time: $minutes minutes on 1 CPU core, float32
- sha256: $hashes
- licence: $licence

One seed of each ships. The encoder has read English, Indonesian and Javanese, and no Sundanese. The Sundanese text is
machine-made from a lexicon and was not proofread by a native speaker.
""")

MULTILINGUAL = Template("""# multilingual-adapters

Language adapters of MAD-X (Pfeiffer et al., 2020) for multilingual-e5-small (Wang et al., 2024; rounded to 4 bits, with
the course's cut vocabulary), one file each: a bottleneck of $bottleneck in each layer, and an invertible adapter.
Beside them `head.safetensors`, a head for masked words, without which no further adapter can be trained. It scores the
vocabulary by the encoder's embeddings. First the head was trained and all else frozen, then each adapter.

- command: `COURSE_TRACK=real python data/recipes/build.py --only multilingual`, which checkpoints and resumes
- texts: $texts. They are training texts of NusaX, SST-2, SMSA and NusaWrites, of ten words and more. No text shares ten
  words in a row with another, nor with a validation or test sentence of NusaX. A tenth of each language is held out and
  not counted here
- steps: $head_steps for the head and $steps for each language, of $batch pieces of at most $tokens tokens, seed $seed,
  learning rate $learning_rate (linear warm-up and decay), $masked of the tokens masked, no dropout
- loss on held-out text, in nats per masked token, without an adapter and with the language's own: $losses
  (`loss.jsonl` has the curves in training)
- time: $minutes minutes on 1 CPU core, float32; stored as bfloat16
- sha256: $hashes
- licence: CC-BY-SA-4.0, as NusaX has it; the encoder is MIT

One seed of each ships.
""")

STUDENT = Template("""# student

Only a shape, no weights: a BERT of $layers layers, $hidden wide, with the vocabulary of the teacher. Its
weights start at random and are trained in the notebooks. Licence: $licence.
""")

GENERAL = Template("""# student-general

A BERT of $layers layers, $hidden wide ($parameters parameters), after the general stage of TinyBERT (Jiao et al.,
2020): distilled from `encoder` before it was fine-tuned, from its embeddings, hidden states and attention scores. No
label and no task was used, and the $texts texts are those that the encoder was trained on: long reviews and news in
three languages, of each its first $longest tokens. It shares the encoder's vocabulary. Its pooler is random, and the
projection to the encoder's width was dropped.

- command: `make bundle` (`python data/recipes/build.py`), which checkpoints and resumes
- steps: $steps of $batch texts, seed $seed, learning rate $learning_rate (linear warm-up and decay), layer map
  "$map"
- sum of the three losses: $first_loss over the first steps, $last_loss over the last (`loss.jsonl` has the curve)
- time: $minutes minutes on 1 CPU core, float32
- sha256 of `model.safetensors`: `$sha256`
- licence: $licence

The weights come out the same only with the same build of torch on the same kind of CPU.
""")

LADDER = Template("""# lm_ladder

Causal language models of $count sizes with the architecture of Pythia (GPT-NeoX; Biderman et al., 2023),
without parallel residuals, one token a character. All read the same $tokens tokens in the same order: rows of
solved tasks on words, most of them made up, the others English and Indonesian (`words.txt`,
`course_utils/data/word_puzzles.py`). They know nothing else.

| folder | parameters | width | layers | learning rate | loss | minutes |
| --- | --- | --- | --- | --- | --- | --- |
$rows

- command: `python data/recipes/ladder.py` (`make bundle` calls it), which checkpoints and resumes
- steps: $steps of $batch rows of $row tokens, seed $seed; the loss counts answers only, in nats a token, mean
  of the last steps (`loss.jsonl` has the curves)
- time: on one CPU core that had other work beside it; weights in float32, the matrix products of the two
  largest in bfloat16
- `words.json`: the pairs of words that training used, and the words that it never showed
- sha256: $hashes
- licence: $licence

One seed a size ships. A difference between two neighbouring sizes is therefore one draw; the direction over
all of them is what the course relies on.
""")


def write_corpora(folder: Path) -> None:
    """The card of the corpora, with the sizes that the recipe used."""
    from texts import NEGATED

    sizes = {
        name: f"{size['train']:,} / {size['valid']:,} / {size['test']:,}"
        for name, size in corpora.SIZES.items()
    }
    reviews, news = (
        " / ".join(f"{counts[kind]:,}" for counts in corpora.UNLABELLED.values() if counts[kind])
        for kind in (0, 1)
    )
    text = CORPORA.substitute(
        sizes,
        licence=LICENCE,
        paraphrases=corpora.PARAPHRASES,
        slipped=f"{paraphrases.SLIPPED:.0%}",
        paraphrased=" / ".join(f"{paraphrases.SIZES[split]:,}" for split in ("train", "valid", "test")),
        reviews=reviews,
        news=news,
        own=own.ROWS,
        negated=f"{NEGATED:.0%}",
    )
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_encoder(folder: Path, facts: dict[str, Any]) -> None:
    """The encoder's card."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    text = ENCODER.substitute(facts, sha256=digest, licence=LICENCE)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_general(folder: Path, facts: dict[str, Any]) -> None:
    """The card of the student's general stage."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    text = GENERAL.substitute(facts, sha256=digest, licence=LICENCE)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_student(folder: Path, shape: dict[str, int]) -> None:
    """The card of the student's shape."""
    text = STUDENT.substitute(layers=shape["num_hidden_layers"], hidden=shape["hidden_size"], licence=LICENCE)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_ladder(folder: Path, facts: dict[str, Any]) -> None:
    """The ladder's card."""
    columns = ("parameters", "hidden_size", "layers", "learning_rate", "loss", "minutes")
    rows = [
        " | ".join([f"| `{name}`", *(f"{size[c]:,}" for c in columns)]) + " |"
        for name, size in facts["sizes"].items()
    ]
    digests = {
        name: hashlib.sha256((folder / name / "model.safetensors").read_bytes()).hexdigest()
        for name in facts["sizes"]
    }
    text = LADDER.substitute(
        facts,
        count=len(rows),
        tokens=f"{facts['steps'] * facts['batch'] * facts['row']:,}",
        rows="\n".join(rows),
        hashes=", ".join(f"`{name}` `{digest}`" for name, digest in digests.items()),
        licence=LICENCE,
    )
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_translators(teacher: Path, student: Path, facts: dict[str, Any], shape: dict[str, Any]) -> None:
    """The cards of the translation teacher and of the shape of its student."""
    digest = hashlib.sha256((teacher / "model.safetensors").read_bytes()).hexdigest()
    text = TRANSLATION_TEACHER.substitute(facts, sha256=digest, licence=LICENCE)
    (teacher / "README.md").write_text(text, encoding="utf-8", newline="\n")
    text = TRANSLATION_STUDENT.substitute(shape, licence=LICENCE)
    (student / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_chat(folder: Path, name: str, facts: dict[str, Any]) -> None:
    """The card of a chat model, the "teacher" or the "base"."""
    digest = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    text = CHAT.substitute(facts, name=name, read=CHAT_READ[name], sha256=digest, licence=LICENCE)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_languages(folder: Path, facts: dict[str, Any]) -> None:
    """The language adapters' card."""
    text = LANGUAGES.substitute(facts, hashes=_hashes(folder), licence=LICENCE)
    (folder / "README.md").write_text(text, encoding="utf-8", newline="\n")


def write_multilingual(folder: Path, facts: dict[str, Any]) -> None:
    """The card of the published encoder's language adapters."""
    (folder / "README.md").write_text(
        MULTILINGUAL.substitute(facts, hashes=_hashes(folder)), encoding="utf-8", newline="\n"
    )


def _hashes(folder: Path) -> str:
    """The sha256 of each file of weights, by name."""
    digests = {
        path.stem: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.glob("*.safetensors"))
    }
    return ", ".join(f"`{name}` `{digest}`" for name, digest in digests.items())

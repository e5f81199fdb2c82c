"""What `data.load` gives on each track, tokenization, and batches of sentences of like length."""

from collections import Counter
from pathlib import Path

import pytest
import small_world
import torch
from accelerate import Accelerator
from datasets import Dataset, concatenate_datasets
from small_world import needs_bundle, needs_mirror
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

from course_utils import assets, data, models
from course_utils.assets import fetching
from course_utils.data import copies, readers


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    small_world.write(tmp_path)
    small_world.enter(monkeypatch, tmp_path)
    return tmp_path


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_TRACK", "real")
    monkeypatch.setenv("COURSE_MIRROR", str(small_world.MIRROR))
    monkeypatch.setattr(fetching, "_fetched", {})


def tokenised(rows: int, shortest: int = 5, longest: int = 40) -> Dataset:
    """Sentences of 5 to 40 words, like the bundled reviews; row i has id 10 * i and label i % 3."""
    spread = longest - shortest + 1
    texts = [small_world.sentence(shortest + (i * 17) % spread, i) for i in range(rows)]
    columns = {"id": [10 * i for i in range(rows)], "text": texts, "label": [i % 3 for i in range(rows)]}
    return data.tokenize(Dataset.from_dict(columns), small_world.tokenizer())


def ids(loader: torch.utils.data.DataLoader) -> list[list[int]]:
    return [batch["id"].tolist() for batch in loader]


# Loading


def test_labelled_data_keeps_its_columns_and_sorts_its_labels(small: Path) -> None:
    reviews = data.load("sentiment", "javanese")
    sizes = {split: len(rows) for split, rows in reviews.items()}
    assert sizes == {"train": 10, "validation": 10, "test": 10}
    assert reviews["train"].column_names == ["id", "text", "label"]
    assert reviews["train"].features["label"].names == ["a", "b", "c"]
    assert reviews["train"][0]["label"] == 1
    assert reviews["test"]["id"][0] == 50


def test_unlabelled_ids_never_equal_labelled_ones(small: Path) -> None:
    texts = data.load("unlabelled")
    assert list(texts) == ["train"]
    assert texts["train"].column_names == ["id", "text"]
    assert min(texts["train"]["id"]) == readers.UNLABELLED_ID


def test_the_default_language_is_the_catalogues(small: Path) -> None:
    assert data.load("topic")["train"].to_dict() == data.load("topic", "english")["train"].to_dict()


def test_entities_are_iob2(small: Path) -> None:
    train = data.load("ner")["train"]
    names = train.features["ner_tags"].feature.names
    assert names == ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-ORG", "I-ORG"]
    assert train["tokens"][:] == [["Ana", "left"], ["Bank", "X"]]
    assert [[names[tag] for tag in row] for row in train["ner_tags"]] == [["B-PER", "O"], ["B-ORG", "I-ORG"]]


def test_a_source_has_several_translations(small: Path) -> None:
    pair = {"id": 3, "source": "late bus", "targets": ["bus telat", "bus terlambat"]}
    assert data.load("translation")["test"][0] == pair


def test_an_unknown_language_is_refused(small: Path) -> None:
    with pytest.raises(assets.AssetError, match="(?s)no language 'dutch'.*english, indonesian, javanese"):
        data.load("sentiment", "dutch")
    with pytest.raises(assets.AssetError, match="it is a model"):
        data.load("teacher")


def test_copies_are_found_behind_other_spelling() -> None:
    other = ["Makanannya enak sekali, tempatnya bersih, dan pelayanannya pun cepat."]
    rows = [
        (1, "makanan nya enak sekali , tempat nya bersih , dan pelayanan nya pun cepat .", "positive"),
        (2, "kami suka : makanan enak sekali tempat bersih dan pelayanan pun cepat di sini", "positive"),
        (3, "makanan nya tidak enak", "negative"),
        (4, "Makanannya tidak enak!", "negative"),
    ]
    assert [row[0] for row in copies.without_copies(rows, other)] == [3]


# Tokenising


def test_tokenising_adds_columns_and_keeps_ids(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = small_world.tokenizer()
    before = set(small.rglob("*"))
    dataset = data.load("sentiment")["train"]
    got = data.tokenize(dataset, tokenizer, max_length=6)
    assert got.column_names == ["id", "text", "labels", "input_ids", "attention_mask"]
    assert list(got["id"]) == list(dataset["id"]) and list(got["labels"]) == list(dataset["label"])
    assert got[0]["input_ids"] == tokenizer(dataset[0]["text"])["input_ids"]
    assert max(map(len, got["input_ids"])) == 6
    assert "".join(capsys.readouterr()) == "", "no progress bar"
    assert set(small.rglob("*")) == before, "nothing is cached beside the data"


def test_rows_without_a_label_are_ignored_by_cross_entropy(small: Path) -> None:
    tokenizer = small_world.tokenizer()
    texts = data.tokenize(data.load("unlabelled")["train"], tokenizer)
    assert set(texts["labels"]) == {data.NO_LABEL} == {torch.nn.CrossEntropyLoss().ignore_index}
    both = concatenate_datasets([data.tokenize(data.load("sentiment")["train"], tokenizer), texts])
    assert len(set(both["id"])) == len(both) == 16


# Batches


@pytest.mark.parametrize(("most", "unlabelled"), [(0, 0), (4, 4), (100, 6), (None, 6)])
def test_a_task_has_its_labelled_rows_first_and_never_its_test_rows(
    small: Path, most: int | None, unlabelled: int
) -> None:
    task = data.load_task("sentiment", "unlabelled", small_world.tokenizer(), most)
    assert task.labels == ["a", "b", "c"]
    assert len(task.labelled) == 10 and len(task.pool) == 10 + unlabelled
    assert task.pool["id"][:10] == task.labelled["id"]
    assert set(task.pool["labels"][10:]) <= {-100}
    tested = {int(id) for batch in task.eval_loader for id in batch["id"]}
    assert len(tested) == 10 and not tested & set(task.pool["id"])


@pytest.mark.parametrize("rows", [1, 31, 32, 33, 100, 2100])
def test_an_epoch_has_every_row_once_and_full_batches_but_one(rows: int) -> None:
    loader = data.make_loader(tokenised(rows), small_world.tokenizer(), 32, shuffle=True)
    for _ in range(2):
        batches = ids(loader)
        assert sorted(sum(batches, [])) == [10 * i for i in range(rows)]
        sizes = Counter(map(len, batches))
        assert sizes[32] >= rows // 32 and len(batches) == len(loader) == -(-rows // 32)


@pytest.mark.parametrize("rows", [800, 3000])
def test_padding_wastes_under_five_percent(rows: int) -> None:
    loader = data.make_loader(tokenised(rows), small_world.tokenizer(), 32, shuffle=True)
    before = loader.batch_sampler.epoch
    assert 0 < data.padding_waste(loader) < 0.05
    assert loader.batch_sampler.epoch == before, "measuring is no epoch"


def test_waste_is_the_share_of_padding() -> None:
    texts = Dataset.from_dict({"id": [0, 1], "text": ["the soup", "the soup was cold"]})
    dataset = data.tokenize(texts, small_world.tokenizer())  # 4 and 6 tokens with [CLS] and [SEP]
    loader = data.make_loader(dataset, small_world.tokenizer(), 2, shuffle=False)
    assert data.padding_waste(loader) == pytest.approx(2 / 12)


def test_a_batch_is_padded_on_the_right_rows() -> None:
    dataset, tokenizer = tokenised(50), small_world.tokenizer()
    rows = {row["id"]: row for row in dataset}
    for batch in data.make_loader(dataset, tokenizer, 8, shuffle=True):
        assert set(batch) == {"input_ids", "attention_mask", "labels", "id"}
        expected = [rows[i] for i in batch["id"].tolist()]
        padded = tokenizer.pad({"input_ids": [row["input_ids"] for row in expected]}, return_tensors="pt")
        assert torch.equal(batch["input_ids"], padded["input_ids"])
        assert torch.equal(batch["attention_mask"], padded["attention_mask"])
        assert batch["labels"].tolist() == [row["labels"] for row in expected]


def tagged(*sentences: list[str]) -> Dataset:
    """Each word's tag is its place in the sentence."""
    tags = [list(range(len(words))) for words in sentences]
    return Dataset.from_dict({"id": list(range(len(tags))), "tokens": list(sentences), "ner_tags": tags})


def test_a_words_tag_stands_on_its_first_token_alone() -> None:
    backend = Tokenizer(WordPiece({"[UNK]": 0, "[PAD]": 1, "so": 2, "##up": 3, "bus": 4}, unk_token="[UNK]"))
    backend.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]")
    rows = data.tokenize_tags(tagged(["bus", "soup", "soup"]), tokenizer, max_length=4)
    assert rows[0]["input_ids"] == [4, 2, 3, 2]
    assert rows[0]["labels"] == [0, 1, data.NO_LABEL, 2]


def test_a_repeated_word_is_two_words_and_special_tokens_have_no_tag() -> None:
    rows = data.tokenize_tags(tagged(["the", "the", "bus"]), small_world.tokenizer())
    assert rows[0]["labels"] == [data.NO_LABEL, 0, 1, 2, data.NO_LABEL]


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_tags_of_a_batch_are_padded_like_its_tokens(side: str) -> None:
    tokenizer = small_world.tokenizer()
    tokenizer.padding_side = side
    rows = data.tokenize_tags(tagged(["the"], ["the", "bus", "late"]), tokenizer)
    batch = next(iter(data.make_loader(rows, tokenizer, 2, shuffle=False)))
    assert batch["labels"].shape == batch["input_ids"].shape == (2, 5)
    assert (batch["labels"][batch["attention_mask"] == 0] == data.NO_LABEL).all()
    assert [label[label >= 0].tolist() for label in batch["labels"]] == [[0], [0, 1, 2]]


def test_a_tokenizer_that_pads_left_is_obeyed() -> None:
    tokenizer = small_world.tokenizer()
    tokenizer.padding_side = "left"
    batch = next(iter(data.make_loader(tokenised(40), tokenizer, 40, shuffle=False)))
    assert batch["attention_mask"][0, 0] == 0 and bool(batch["attention_mask"][:, -1].all())


def test_epochs_differ_and_follow_from_seed_and_epoch() -> None:
    dataset, tokenizer = tokenised(300), small_world.tokenizer()
    loader = data.make_loader(dataset, tokenizer, 32, shuffle=True, seed=5)
    first, second = ids(loader), ids(loader)
    assert first != second, "the order changes"
    assert {frozenset(batch) for batch in first} != {frozenset(batch) for batch in second}, "and the mix"
    again = data.make_loader(dataset, tokenizer, 32, shuffle=True, seed=5)
    again.batch_sampler.set_epoch(1)
    assert ids(again) == second
    assert ids(data.make_loader(dataset, tokenizer, 32, shuffle=True, seed=6)) != first


def test_the_order_needs_no_global_random_state() -> None:
    dataset, tokenizer = tokenised(100), small_world.tokenizer()
    torch.manual_seed(0)
    first = ids(data.make_loader(dataset, tokenizer, 32, shuffle=True))
    torch.manual_seed(1)
    assert ids(data.make_loader(dataset, tokenizer, 32, shuffle=True)) == first


def test_without_shuffling_every_epoch_is_the_same() -> None:
    loader = data.make_loader(tokenised(100), small_world.tokenizer(), 32, shuffle=False)
    assert ids(loader) == ids(loader)


def test_accelerate_sees_the_same_epochs() -> None:
    dataset, tokenizer = tokenised(100), small_world.tokenizer()
    plain = data.make_loader(dataset, tokenizer, 32, shuffle=True)
    prepared = Accelerator(cpu=True).prepare(data.make_loader(dataset, tokenizer, 32, shuffle=True))
    assert [ids(prepared), ids(prepared)] == [ids(plain), ids(plain)]
    prepared.set_epoch(1)
    plain.batch_sampler.set_epoch(1)
    assert ids(prepared) == ids(plain)


# What ships


@needs_bundle
@pytest.mark.parametrize("language", ["english", "indonesian", "javanese"])
@pytest.mark.parametrize("role", ["sentiment", "topic", "ner", "unlabelled", "unlabelled_news"])
def test_bundled_data_loads(role: str, language: str) -> None:
    loaded = data.load(role, language)
    every = [i for split in loaded.values() for i in split["id"]]
    assert len(set(every)) == len(every) > 0
    assert (min(every) >= readers.UNLABELLED_ID) == role.startswith("unlabelled")
    if role == "sentiment":
        assert loaded["train"].features["label"].names == ["negative", "neutral", "positive"]


@needs_bundle
@pytest.mark.parametrize("role", ["ner_multilingual", "unlabelled_multilingual"])
def test_a_fourth_language_has_names_and_news(role: str) -> None:
    assert assets.entry(role).languages == ("english", "indonesian", "javanese", "sundanese")
    assert len(data.load(role, "sundanese")["train"]) >= 300


@needs_bundle
def test_bundled_translations_load() -> None:
    loaded = data.load("translation")
    assert set(loaded) == {"train", "validation", "test"}
    assert all(row["source"] and row["targets"] for row in loaded["test"])


@needs_bundle
def test_bundled_sentiment_wastes_little_padding() -> None:
    tokenizer = models.load_tokenizer("teacher")
    for role in ("sentiment", "unlabelled"):
        loader = data.make_loader(
            data.tokenize(data.load(role)["train"], tokenizer), tokenizer, 16, shuffle=True
        )
        assert data.padding_waste(loader) < 0.05


# The real data


@needs_mirror
def test_the_real_splits_never_overlap(real: None) -> None:
    labelled, texts = data.load("sentiment"), data.load("unlabelled")["train"]
    assert {split: len(rows) for split, rows in labelled.items()} == {
        "train": assets.entry("sentiment").labelled,
        "validation": 500,
        "test": 872,
    }
    assert len(texts) > 50_000
    train = Counter(copies.letters(text) for text in [*labelled["train"]["text"], *texts["text"]])
    assert max(train.values()) == 1, "no text twice, so none in both"
    held_out = [text for split in ("validation", "test") for text in labelled[split]["text"]]
    assert train.keys().isdisjoint(map(copies.letters, held_out))
    inside = "\n".join(labelled["validation"]["text"])
    assert not [text for text in texts["text"] if text in inside]
    assert set(texts["id"]).isdisjoint(labelled["train"]["id"])


@needs_mirror
def test_the_real_texts_of_the_second_task_are_new(real: None) -> None:
    texts = data.load("unlabelled_second_task")["train"]
    nusax = data.load("sentiment_multilingual", "indonesian")
    held_out = {copies.letters(text) for split in nusax.values() for text in split["text"]}
    assert len(texts) == 10_029 and texts.column_names == ["id", "text"]
    assert held_out.isdisjoint(map(copies.letters, texts["text"]))


@needs_mirror
def test_sentences_with_a_name_are_those_with_a_tag(real: None) -> None:
    tagged, sentences = data.load("ner_english"), data.load("second_task_english")
    assert sentences["test"].features["label"].names == ["a name", "no name"]
    for split, rows in tagged.items():
        assert list(sentences[split]["label"]) == [int(not any(tags)) for tags in rows["ner_tags"]]
        assert sentences[split]["text"][0].split() == rows["tokens"][0]


@needs_mirror
def test_the_real_split_is_always_the_same(real: None) -> None:
    assert list(data.load("sentiment")["train"]["id"][:3]) == [43078, 36705, 59997]


@needs_mirror
@pytest.mark.parametrize(
    "role, language, sizes, entities",
    [
        ("ner", "indonesian", (1672, 209, 209), 2038 + 3373 + 1260),
        ("ner_english", "english", (3394, 1009, 1287), None),
        ("sentiment_multilingual", "javanese", (500, 100, 400), None),
        ("translation", "minangkabau", (500, 100, 400), None),
    ],
)
def test_real_data_loads(
    real: None, role: str, language: str, sizes: tuple[int, ...], entities: int | None
) -> None:
    loaded = data.load(role, language)
    assert tuple(map(len, loaded.values())) == sizes
    if entities:
        tags = Counter(tag for split in loaded.values() for row in split["ner_tags"] for tag in row)
        assert sum(tags[readers.TAGS.index(f"B-{kind}")] for kind in ("PER", "LOC", "ORG")) == entities

"""Translators from random weights: a vocabulary learned from sentence pairs, and a Marian model of any shape.

Source of the architecture: Junczys-Dowmunt et al. (2018), "Marian: Fast Neural Machine Translation in C++"; of the
vocabulary: Sennrich, Haddow and Birch (2016), "Neural Machine Translation of Rare Words with Subword Units".
"""

from collections.abc import Iterable
from typing import Any

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoModelForSeq2SeqLM, MarianConfig, PreTrainedModel, PreTrainedTokenizerFast

from course_utils.data import pairs
from course_utils.models.classifiers import from_config

PAD, END = "<pad>", "</s>"


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """A byte-level BPE vocabulary of the texts of both languages. It keeps capitals and blanks: decoding gives back
    the text. The end token follows each text."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[PAD, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", special_tokens=[(END, tokenizer.token_to_id(END))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=PAD, eos_token=END, model_max_length=pairs.MAX_TOKENS
    )


def config(shape: dict[str, Any], tokenizer: PreTrainedTokenizerFast) -> MarianConfig:
    """A Marian model for this tokenizer. shape: d_model, layers (of each side), heads, ffn and dropout."""
    return MarianConfig(
        vocab_size=len(tokenizer),
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
        forced_eos_token_id=None,
        d_model=shape["d_model"],
        encoder_layers=shape["layers"],
        decoder_layers=shape["layers"],
        encoder_attention_heads=shape["heads"],
        decoder_attention_heads=shape["heads"],
        encoder_ffn_dim=shape["ffn"],
        decoder_ffn_dim=shape["ffn"],
        dropout=shape["dropout"],
        max_position_embeddings=pairs.MAX_TOKENS,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        init_std=0.1,  # the usual 0.02 suits a width of 512 and more
    )


def new_translator(shape: dict[str, Any], tokenizer: PreTrainedTokenizerFast, seed: int) -> PreTrainedModel:
    """A translator of this shape with random weights, which follow from `seed`."""
    return from_config(AutoModelForSeq2SeqLM, config(shape, tokenizer), seed)

"""A language model of a few thousand weights in a GGUF file, as llama.cpp writes it, and a catalogue that names it."""

import hashlib
from pathlib import Path

import gguf
import numpy as np
import small_world
import torch
from tokenizers.pre_tokenizers import ByteLevel
from transformers import LlamaConfig, LlamaForCausalLM

FILE = "small.Q8_0.gguf"
REVISION = "0123456789abcdef"
PLACE = "models/org/small-gguf"
URL = f"/org/small-gguf/resolve/{REVISION}/{FILE}"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "Ġ Ġ", "Ċ Ċ"]
TOKENS = [*SPECIAL, *sorted(ByteLevel.alphabet()), *(merge.replace(" ", "") for merge in MERGES)]
TEMPLATE = "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>\n' }}{% endfor %}"
LENGTH = 128
TENSORS = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def model() -> LlamaForCausalLM:
    """The model with the weights that the file holds: rounded to 8 bits (Q8_0), but for the norms."""
    config = LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=LENGTH, rms_norm_eps=1e-5, tie_word_embeddings=True,
    )  # fmt: skip
    torch.manual_seed(0)
    made = LlamaForCausalLM(config).eval()
    kind = gguf.GGMLQuantizationType.Q8_0
    for parameter in made.parameters():
        if parameter.ndim == 2:
            rounded = gguf.dequantize(gguf.quantize(parameter.detach().numpy(), kind), kind)
            parameter.data = torch.tensor(rounded)
        else:
            parameter.data += 0.1 * torch.randn_like(parameter)
    return made


def write(path: Path, pre: str = "smollm") -> LlamaForCausalLM:
    """Write the file, and return the model that it holds."""
    made = model()
    config = made.config
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(LENGTH)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(TOKENS)
    writer.add_token_types([3 if token in SPECIAL else 1 for token in TOKENS])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_chat_template(TEMPLATE)
    _add(writer, "token_embd.weight", made.model.embed_tokens.weight)
    _add(writer, "output_norm.weight", made.model.norm.weight)
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    state = made.state_dict()
    for i in range(config.num_hidden_layers):
        for theirs, ours in TENSORS.items():
            weight = state[f"model.layers.{i}.{ours}.weight"]
            if (
                theirs in heads
            ):  # llama.cpp turns neighbouring rows, and transformers the two halves of a head
                weight = weight.unflatten(0, (heads[theirs], 2, -1)).transpose(1, 2).reshape(weight.shape)
            _add(writer, f"blk.{i}.{theirs}.weight", weight)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return made


def _add(writer: gguf.GGUFWriter, name: str, weight: torch.Tensor) -> None:
    values = np.ascontiguousarray(weight.detach().numpy(), dtype=np.float32)
    if values.ndim == 1:
        writer.add_tensor(name, values)
    else:
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)


def write_catalog(path: Path, file: Path) -> None:
    """A catalogue whose real track has the file as role "language_model"."""
    data = file.read_bytes()
    small_world.put(
        path,
        '[notebooks]\n[bundled]\n[real]\nlanguage_model = "small"\n[assets.small]\nid = "org/small-gguf"\n'
        f'kind = "model"\nrevision = "{REVISION}"\nlicence = "Apache-2.0"\npublisher = "an example"\n'
        f'mirror = "{PLACE}"\nformat = "gguf"\nroom = 1_000_000\n[assets.small.files]\n'
        f'"{FILE}" = {{ size = {len(data)}, sha256 = "{hashlib.sha256(data).hexdigest()}", '
        f'url = "https://huggingface.co{URL}" }}',
    )

"""Real tokenizers of a few words, one for each kind of text tower."""

from __future__ import annotations

from typing import Any

CONTEXT, SIGLIP_CONTEXT = 77, 32


def byte_vocabulary() -> dict[str, int]:
    """CLIP's 256 byte symbols, each also as the end of a word, and the two special tokens."""
    from tokenizers.pre_tokenizers import ByteLevel

    symbols = sorted(ByteLevel.alphabet())
    words = symbols + [f"{symbol}</w>" for symbol in symbols]
    return {word: i for i, word in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}


def clip_tokenizer() -> Any:
    """CLIP's tokenizer without merges: one token per byte."""
    from transformers import CLIPTokenizer

    return CLIPTokenizer(vocab=byte_vocabulary(), merges=[], model_max_length=CONTEXT)


WORDS = "a photo of the dog cat red square on table big small plain apple word".split()


def xlm_tokenizer() -> Any:
    """XLM-RoBERTa's unigram tokenizer over a few words and all letters."""
    from transformers import XLMRobertaTokenizer

    special = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    words = [(f"▁{word}", -2.0) for word in WORDS]
    letters = [(letter, -9.0) for letter in "▁abcdefghijklmnopqrstuvwxyz"]
    known = {word for word, _ in words}
    vocab = [*special, *words, *(item for item in letters if item[0] not in known)]
    return XLMRobertaTokenizer(vocab=[*vocab, ("<mask>", 0.0)], model_max_length=CONTEXT)


def bert_tokenizer() -> Any:
    """BERT's word pieces over a few words and all letters."""
    from transformers import BertTokenizer

    letters = "bcdefghijklmnopqrstuvwxyz"
    pieces = [*WORDS, *letters, *(f"##{letter}" for letter in "a" + letters)]
    vocab = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *pieces]
    return BertTokenizer(
        vocab={piece: i for i, piece in enumerate(vocab)}, model_max_length=CONTEXT
    )


def siglip_tokenizer(context: int = SIGLIP_CONTEXT) -> Any:
    """SigLIP 2's tokenizer: lower case, an end token, padding on the right, no mask."""
    from transformers import Siglip2Tokenizer

    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    vocab = [*special, *bytes_, "▁", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = Siglip2Tokenizer(
        vocab={piece: i for i, piece in enumerate(vocab)},
        merges=[],
        model_max_length=context,
        padding_side="right",
        model_input_names=["input_ids"],
    )
    from tokenizers.processors import TemplateProcessing

    tokenizer._tokenizer.post_processor = TemplateProcessing(
        single="$A <eos>", special_tokens=[("<eos>", 1)]
    )
    return tokenizer

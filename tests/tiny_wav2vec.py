"""A tiny wav2vec 2.0 with random weights and the real one's 50 rows a second, as the Hub has it."""

from pathlib import Path

K = 32


def save_tiny_wav2vec(folder: Path, norm: str = "group", levelled: bool = True) -> Path:
    """Write config, safetensors and preprocessor; ``norm``: "group" as base has it, or "layer"."""
    import torch
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    config = Wav2Vec2Config(
        hidden_size=K, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        conv_dim=(16,) * 7, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4,
        feat_extract_norm=norm, conv_bias=norm == "layer",
    )  # fmt: skip
    torch.manual_seed(0)
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=levelled).save_pretrained(folder)
    return folder

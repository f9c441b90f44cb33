"""What the embeddings of a condition add up."""

import torch

from models.conditioning import Condition, ConditionConfig
from models.layers.condition_embedding import FrameEmbedding, GlobalEmbedding

BOTH = ConditionConfig({"speaker": 3, "emotion": 2}, num_phones=4, num_features=2, channels=5)


def test_global_vectors_are_summed_over_attributes() -> None:
    embed = GlobalEmbedding(BOTH)
    speaker, emotion = embed.tables
    assert isinstance(speaker, torch.nn.Embedding)
    assert isinstance(emotion, torch.nn.Embedding)
    given = Condition(torch.tensor([[2, 1], [0, 0]]))
    torch.testing.assert_close(embed(given)[0], speaker.weight[2] + emotion.weight[1])


def test_frames_add_phone_and_features() -> None:
    embed = FrameEmbedding(BOTH)
    assert embed.features is not None
    assert embed.phones is not None
    phones, features = torch.tensor([[1, 3]]), torch.tensor([[[0.5, -1.0], [0.0, 2.0]]])
    expected = embed.phones.weight[3] + embed.features.weight @ features[0, 1]
    torch.testing.assert_close(embed(Condition(phones=phones, features=features))[0, 1], expected)

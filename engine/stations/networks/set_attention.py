"""Attention over sets: no order, any size, members that say nothing."""

from jaxtyping import Bool, Float
from torch import Tensor, nn

SILENT = -30.0  # score of a station without a reading at the hour: e**-30 of the weight of others


class Attention(nn.Module):
    """Queries look at a set; members that say nothing are not looked at.

    Args:
        width: Of the vectors.
        heads: Number of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        asking: Float[Tensor, "b q width"],
        predicted: Float[Tensor, "b n width"],
        reporting: Bool[Tensor, "b n"],
    ) -> Float[Tensor, "b q width"]:
        """What each query takes from the set."""
        query = self.query(asking).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in self.key_value(predicted).chunk(2, -1)
        )
        score = query @ key.mT * query.shape[-1] ** -0.5  # (b, head, q, n)
        score = score.masked_fill(~reporting[:, None, None], SILENT)
        weight = (score - score.amax(-1, keepdim=True)).exp()  # torch's softmax is slow on few
        weight = weight / weight.sum(-1, keepdim=True)
        taken: Tensor = self.out((weight @ value).transpose(1, 2).flatten(-2))
        return taken


class Block(nn.Module):
    """Attention and a feed-forward layer, each a residual after normalisation.

    Args:
        width: Of the vectors.
        heads: Number of heads.
        inner: Width of the feed-forward layer.
        dropout: Of what each adds, in training.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.forward_ = nn.Sequential(nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width))

    def forward(
        self,
        x: Float[Tensor, "b n width"],
        reporting: Bool[Tensor, "b n"],
        asking: int | None = None,
    ) -> Float[Tensor, "b q width"]:
        """The set after a look at itself; only its first `asking` members if that is given."""
        normal = self.before(x)
        x = x[:, :asking] + self.dropout(self.attention(normal[:, :asking], normal, reporting))
        mixed: Tensor = x + self.dropout(self.forward_(self.between(x)))
        return mixed

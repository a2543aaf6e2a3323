"""What parameters of several kinds of reports share."""

from pydantic import BaseModel, ConfigDict, Field

from core.seeds import LARGEST_SEED


class Seeded(BaseModel):
    """The seed of everything random."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(default=0, ge=0, le=LARGEST_SEED)

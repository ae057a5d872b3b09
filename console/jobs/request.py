"""What a client may ask of `/v1/jobs`, checked."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class JobQuery(BaseModel):
    """The query of one job."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    wait: Annotated[float, Field(ge=0, le=30)] = 0
    """Seconds to wait for the job's end before it is answered."""

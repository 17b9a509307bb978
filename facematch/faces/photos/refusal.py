"""Why a photograph cannot serve as a reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from facematch.faces.detector import BBox

Problem = Literal["NOT_AN_IMAGE", "TOO_LARGE", "NO_FACE", "MULTIPLE_FACES", "FACE_TOO_SMALL"]


class EnrollmentError(ValueError):
    """The photograph cannot serve as a reference."""

    def __init__(
        self,
        code: Problem,
        detail: str,
        *,
        faces: tuple[BBox, ...] = (),
        frame_size: tuple[int, int] | None = None,
    ) -> None:
        """Say why not.

        Args:
            code: for programs.
            detail: a sentence that a person can act on.
            faces: the boxes that are the reason, in `frame_size` pixels.
            frame_size: (width, height) of the photograph as its owner sees it; None if it could not be read.
        """
        super().__init__(detail)
        self.code: Problem = code
        self.detail = detail
        self.faces = faces
        self.frame_size = frame_size

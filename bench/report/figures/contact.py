"""Contact sheets: samples side by side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def image_grid(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images [n, channels, h, w] side by side in the squarest grid, one pixel apart: [rows, columns(, 3)]."""
    count, channels, height, width = images.shape
    side = int(np.ceil(np.sqrt(count)))
    rows = int(np.ceil(count / side))
    grid = np.full((rows * (height + 1) - 1, side * (width + 1) - 1, channels), 255, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = (index // side) * (height + 1), (index % side) * (width + 1)
        grid[top : top + height, left : left + width] = image.transpose(1, 2, 0)
    return grid[..., 0] if channels == 1 else grid

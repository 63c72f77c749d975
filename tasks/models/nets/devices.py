"""What nets are trained on: a GPU, where TensorFlow finds one, without a change of settings."""

import os

import tensorflow as tf

DETERMINISTIC = "--xla_gpu_deterministic_ops=true"


def prepare_gpus() -> bool:
    """Say whether there is a GPU; if so, have it give the same bits twice, and take memory as it is needed.

    To be called before anything is computed, which TensorFlow requires.
    """
    gpus = tf.config.list_physical_devices("GPU")
    for gpu in gpus:
        tf.config.experimental.set_memory_growth(gpu, True)
    if gpus:
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {DETERMINISTIC}".strip()
        tf.config.experimental.enable_op_determinism()
    return bool(gpus)


ON_GPU = prepare_gpus()

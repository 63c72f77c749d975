"""How rows are cut into steps, and what a step of texts holds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from tasks.models.nets.batching import WordRows, batches


def test_batches_hold_every_row_once_and_padding_weighs_nothing() -> None:
    rows = [np.arange(10, 17), np.arange(20, 25)]
    order, mask, _ = batches(rows, 3)
    assert order.shape == mask.shape == (3, 3, 2)
    for k, own in enumerate(rows):
        assert order[:, :, k][mask[:, :, k] == 1].tolist() == own.tolist()
        assert mask[:, :, k].sum() == len(own)


def test_a_batch_larger_than_the_rows_is_one_batch_without_padding() -> None:
    order, mask, _ = batches([np.arange(7)], 512)
    assert order.shape == (1, 7, 1)
    assert mask.all()


TEXTS = st.lists(st.lists(st.integers(1, 8), max_size=6, unique=True), min_size=2, max_size=9)


def _multi_hot(texts: list[list[int]]) -> csr_matrix:
    matrix = np.zeros((len(texts), 9), np.float32)
    for row, words in enumerate(texts):
        matrix[row, words] = 1
    return csr_matrix(matrix)


@given(TEXTS, st.integers(1, 5), st.integers(0, 2**16))
def test_a_step_holds_each_word_of_each_row_once_at_its_own_place(
    texts: list[list[int]], batch_size: int, seed: int
) -> None:
    source, shuffle = WordRows(_multi_hot(texts)), np.random.default_rng(seed)
    rows = [shuffle.permutation(len(texts)), shuffle.permutation(len(texts))[: len(texts) // 2]]
    order, mask, (words, places) = source.steps(rows, batch_size)
    batch = order.shape[1]
    for step in range(len(order)):
        found = {
            (int(place) // batch, int(place) % batch, int(word))
            for word, place in zip(words[step], places[step], strict=True)
            if place < 2 * batch
        }
        expected = {
            (member, place, member * 9 + word)
            for member in range(2)
            for place in range(batch)
            if mask[step, place, member]
            for word in texts[order[step, place, member]]
        }
        assert found == expected


def test_members_with_matrices_of_their_own_get_their_own_words() -> None:
    matrices = [_multi_hot([[1, 2], [3], []]), _multi_hot([[4], [5, 6, 7], [8]])]
    source = WordRows([matrices[1], matrices[0], matrices[1]])
    order, _, (words, places) = source.steps([np.array([1, 2]), np.array([0, 1]), np.array([0, 1])], 2)
    assert order.shape == (1, 2, 3)
    found = [set(words[0][places[0] == place].tolist()) for place in range(6)]
    assert found == [{5, 6, 7}, {8}, {9 + 1, 9 + 2}, {9 + 3}, {18 + 4}, {18 + 5, 18 + 6, 18 + 7}]


def test_all_epochs_of_texts_have_steps_of_one_length_so_that_nothing_is_compiled_anew() -> None:
    generator = np.random.default_rng(0)
    lengths = generator.integers(1, 60, size=400)
    matrix = csr_matrix(np.arange(60) < lengths[:, None], dtype=np.float32)
    source = WordRows(matrix)
    widths = {source.steps([generator.permutation(400)], 32).entries[0].shape[1] for _ in range(50)}
    assert len(widths) == 1
    assert widths.pop() < 2 * 32 * lengths.mean()

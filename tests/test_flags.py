"""Quality bits: each has a meaning, and they are set, found and counted row by row."""

import numpy as np

from agez.flags import MEANING, Flag, count_flags, has_flag, set_flag


def test_each_bit_is_one_bit_with_a_meaning():
    assert all(int(flag).bit_count() == 1 for flag in Flag)
    assert len({int(flag) for flag in Flag}) == len(Flag)
    assert set(MEANING) == set(Flag)
    assert max(Flag) < 2**31  # they are stored as int32


def test_bits_are_set_found_and_counted():
    none = np.zeros(4, dtype=np.int64)
    where = np.array([True, False, True, False])
    once = set_flag(none, where, Flag.NO_DATA)
    assert once.dtype == np.int32
    assert none.tolist() == [0, 0, 0, 0]
    both = set_flag(once, np.array([True, True, False, False]), Flag.BAD_CHI2)
    assert has_flag(both, Flag.NO_DATA).tolist() == where.tolist()
    assert has_flag(both, Flag.NO_DATA | Flag.BAD_CHI2).tolist() == [True, True, True, False]
    assert set_flag(both, where, Flag.NO_DATA).tolist() == both.tolist()
    assert count_flags(both) == {"NO_DATA": 2, "BAD_CHI2": 2}
    assert count_flags(none) == {}
    assert count_flags(np.zeros(0, np.int32)) == {}

import math
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gov_pipelines.measure.counting.bins import HISTOGRAM_BITS, NOT_A_NUMBER, POSITIVE_INFINITY, in_order, upper


def codes(values):
    with np.errstate(over="ignore"):
        return in_order(upper(np.array(values, np.float64).astype(np.float32), HISTOGRAM_BITS), HISTOGRAM_BITS).tolist()


def bin_floor(code):
    """The value in a bin that is nearest to zero."""
    (magnitude,) = struct.unpack(">f", (abs(code) << HISTOGRAM_BITS).to_bytes(4, "big"))
    return magnitude if code >= 0 else -magnitude


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, min_size=2))
def test_bins_rise_with_the_values_they_hold(values):
    values = sorted(values)
    found = codes(values)
    assert found == sorted(found)


@given(st.floats(1e-30, 1e30), st.sampled_from([1, -1]))
def test_a_bin_spans_less_than_two_hundred_and_fifty_sixth_of_its_values(size, sign):
    value = sign * size
    floor = bin_floor(codes([value])[0])
    assert math.copysign(1, floor) == sign
    assert abs(floor) <= abs(value) * (1 + 2**-23)
    assert abs(value - floor) <= abs(value) / 256 * (1 + 2**-20)


def test_whole_numbers_up_to_512_have_a_bin_of_their_own():
    values = [float(value) for value in range(-512, 513)]
    found = codes(values)
    assert len(set(found)) == len(values)
    assert [bin_floor(code) for code in found] == values


def test_what_is_no_finite_number_is_apart():
    found = codes([math.inf, -math.inf, math.nan, 0.0, -0.0, 1e300, -1e300])
    assert found[:5] == [POSITIVE_INFINITY, -POSITIVE_INFINITY, NOT_A_NUMBER, 0, 0]
    assert found[5:] == [POSITIVE_INFINITY, -POSITIVE_INFINITY]  # beyond float32

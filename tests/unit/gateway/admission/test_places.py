import pytest
from gateway.admission.cost import Cost
from gateway.admission.fair_queue import Request
from gateway.admission.places import Places


def request(tenant="a", units=1.0):
    return Request(tenant, Cost(units), 0.0)


def test_a_place_tells_how_long_it_was_held_and_beside_how_many():
    places, long, short = Places(), request(), request()
    places.take(long, 0.0)
    places.take(short, 4.0)
    assert places.give_back(short, 6.0) == (2.0, 2.0)
    assert places.give_back(long, 10.0) == (10.0, pytest.approx(1.2))
    assert len(places) == 0


def test_tenants_places_are_counted():
    places, ones = Places(), [request("a"), request("a"), request("b")]
    for one in ones:
        places.take(one, 0.0)
    assert (places.of("a"), places.of("b"), places.of("c")) == (2, 1, 0)
    places.give_back(ones[0], 0.0)
    places.give_back(ones[2], 0.0)
    assert (places.of("a"), places.of("b")) == (1, 0)


def test_what_is_left_follows_cost_and_is_never_less_than_nothing():
    places = Places()
    for units, at in ((10.0, 0.0), (1.0, 0.0), (4.0, 2.0)):
        places.take(request(units=units), at)
    assert places.left_s(0.5, 3.0) == [2.0, 0.0, 1.0]

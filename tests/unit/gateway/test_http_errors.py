"""Domain errors in OpenAI's form."""

import pytest
from gateway.http.errors import failure, place
from serving import errors

STATUSES = {
    400: errors.InvalidInput("sampling.n", "must be 1 to 16"),
    401: errors.Unauthenticated("no key"),
    403: errors.PermissionDenied("not yours"),
    404: errors.NotFound("model", "m"),
    409: errors.VersionConflict("somebody was faster"),
    413: errors.TooLarge("message", "is over the limit"),
    429: errors.Overloaded("busy", retry_after_s=2.5),
    500: errors.DataLoss("damaged"),
    503: errors.Unavailable("draining", retry_after_s=0.25),
    504: errors.DeadlineUnreachable("too late"),
}


@pytest.mark.parametrize(("status", "error"), STATUSES.items())
def test_each_kind_has_its_status(status, error):
    told, headers, content = failure(error)
    assert told == status
    assert content["error"]["code"] == error.reason.lower()
    assert ("retry-after-ms" in headers) == (status in (429, 503))


def test_what_is_not_configured_is_the_callers_choice_of_model():
    status, _, content = failure(errors.NotConfigured("no model can embed", "add one to THAT_OPTION"))
    assert (status, content["error"]["code"]) == (400, "not_configured")
    assert "THAT_OPTION" in content["error"]["message"]


def test_an_unexpected_error_tells_nothing():
    status, _, content = failure(ZeroDivisionError("a secret"))
    assert status == 500
    assert "secret" not in str(content)


PARAMETERS = {
    "inputs": "input",
    "inputs[3]": "input[3]",
    "prompt": "prompt",
    "prompt.text": "prompt",
    "prompt.token_ids.ids": "prompt",
    "sampling.stop[0]": "stop[0]",
    "sampling.structured_output.json_schema": "response_format.json_schema",
    "parameters.count": "n",
    "parameters.steps": "steps",
    "messages[1].role": "messages[1].role",
    "inputs_of_another_name": "inputs_of_another_name",
}


@pytest.mark.parametrize(("field", "param"), PARAMETERS.items())
def test_fields_have_the_names_of_the_http_api(field, param):
    error = failure(errors.InvalidInput(field, "is wrong"))[2]["error"]
    assert (error["param"], error["message"]) == (param, f"{param}: is wrong")


SENT = {"messages": [{"role": "user"}], "prompt": [[1, "x"]]}
PLACES = {
    ("body", "messages", 0, "role"): "messages[0].role",
    ("body", "prompt", "list[list[int]]", 0, 1): "prompt[0][1]",
    ("body", "prompt", "str"): "prompt",
    ("body",): None,
    ("body", 17): None,  # where the JSON is broken
}


@pytest.mark.parametrize(("loc", "path"), PLACES.items())
def test_places_in_a_body_are_paths_in_it(loc, path):
    assert place(loc, SENT) == path


def test_what_is_missing_has_a_path_all_the_same():
    loc = ("body", "messages", 0, "content")
    assert place(loc, SENT, missing=True) == "messages[0].content"
    assert place(loc, SENT) == "messages[0]"


def test_openais_clients_are_kept_from_trying_again_long_before_they_may():
    for seconds, told in ((60.0, None), (61.0, "false")):
        _, headers, _ = failure(errors.Overloaded("quota", seconds, reason="QUOTA_EXHAUSTED"))
        assert headers.get("x-should-retry") == told

from gateway.http.reference import render

PAINT = {
    "description": "Paint <it>.",
    "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Pot"}}}},
    "responses": {"200": {"description": "Done."}},
}
POT = {
    "type": "object",
    "required": ["colour"],
    "properties": {
        "colour": {"enum": ["red", "<blue>"]},
        "layers": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}], "default": 2},
        "walls": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/Pot"},
            "description": "Which & where.",
        },
    },
}
PAGE = render(
    {
        "info": {"title": "Paint"},
        "paths": {"/walls/{id}": {"post": PAINT}},
        "components": {"schemas": {"Pot": POT}},
    }
)


def test_fields_tell_their_types_limits_and_defaults():
    assert (
        "<td><code>colour</code></td><td><code>red</code> | <code>&lt;blue&gt;</code></td><td>required</td>"
        in PAGE
    )
    assert "<td><code>layers</code></td><td>integer ≥ 1</td><td><code>2</code></td>" in PAGE
    assert 'list of <a href="#Pot">Pot</a></td><td></td><td>Which &amp; where.</td>' in PAGE


def test_what_a_description_says_is_text():
    assert "Paint &lt;it&gt;." in PAGE
    assert 'id="post-walls-id"' in PAGE

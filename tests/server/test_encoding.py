"""/encode, /v1/embeddings and /qa: the same as the library gives."""

import base64

import numpy as np
import pytest

import xsearch
from xsearch.encoder import encoder_for

TEXTS = ["kissa ja koira", "", "joki " * 100, "kissa ja koira"]


@pytest.mark.parametrize("space", ["shared", "native"])
def test_vectors_are_those_of_the_encoder(client, space):
    body = client.post("/encode", json={"texts": TEXTS, "lang": "Finnish", "space": space}).json()
    assert (body["lang"], body["space"], body["dimension"]) == ("fi", space, 32)
    expected = encoder_for("fi").encode(TEXTS, space=space)
    assert np.array_equal(np.array(body["vectors"], np.float32), expected)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"texts": [], "lang": "fi"}, "texts has 0 items, expected 1 to 5"),
        ({"texts": ["a"] * 6, "lang": "fi"}, "texts has 6 items"),
        ({"texts": "a", "lang": "fi"}, "expected a list of texts"),
        ({"texts": ["a", 1], "lang": "fi"}, "texts[1] is a number"),
        ({"texts": ["a"], "lang": "auto"}, "unknown language 'auto'"),
        ({"texts": ["a"], "lang": "hu"}, "no module is installed"),
        ({"texts": ["a"], "lang": "fi", "space": "outer"}, "expected one of shared, native"),
    ],
)
def test_texts_that_cannot_be_encoded(client, asked, message):
    answered = client.post("/encode", json=asked)
    assert answered.status_code == 400
    assert message in answered.json()["error"]


@pytest.mark.parametrize("model", ["fi", "xsearch-fi"])
def test_embeddings_have_the_shape_of_openai(client, model):
    body = client.post("/v1/embeddings", json={"model": model, "input": TEXTS, "user": "me"}).json()
    expected = encoder_for("fi").encode(TEXTS)
    assert list(body) == ["object", "data", "model", "usage"]
    assert (body["object"], body["model"]) == ("list", model)
    assert [one["index"] for one in body["data"]] == [0, 1, 2, 3]
    assert {one["object"] for one in body["data"]} == {"embedding"}
    assert np.array_equal(np.array([one["embedding"] for one in body["data"]], np.float32), expected)
    # [CLS] and [SEP] count, and a long text is cut at the 32 tokens that the module reads
    assert body["usage"] == {"prompt_tokens": 5 + 2 + 32 + 5, "total_tokens": 44}


def test_embeddings_in_base64_are_little_endian_floats(client):
    asked = {"model": "xsearch-fi", "input": "kissa", "encoding_format": "base64"}
    (one,) = client.post("/v1/embeddings", json=asked).json()["data"]
    vector = np.frombuffer(base64.b64decode(one["embedding"]), "<f4")
    assert np.array_equal(vector, encoder_for("fi").encode(["kissa"])[0])


@pytest.mark.parametrize(
    ("asked", "status", "message"),
    [
        ({"input": "a"}, 400, "model is missing"),
        ({"model": "xsearch-fi"}, 400, "input is missing"),
        ({"model": "xsearch-fi", "input": []}, 400, "input has 0 items"),
        ({"model": "xsearch-fi", "input": [1, 2]}, 400, "input[0] is a number, expected a text"),
        ({"model": "xsearch-fi", "input": "a", "dimensions": 5}, 400, "dimensions"),
        ({"model": "xsearch-fi", "input": "a", "encoding_format": "int8"}, 400, "float, base64"),
        ({"model": "text-embedding-3-small", "input": "a"}, 404, "there are: xsearch-"),
        ({"model": "xsearch-hu", "input": "a"}, 404, "no model 'xsearch-hu'"),
    ],
)
def test_errors_have_the_shape_of_openai(client, asked, status, message):
    answered = client.post("/v1/embeddings", json=asked)
    assert answered.status_code == status
    error = answered.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    assert message in error["message"]


QUESTION = {"passage": "kissa ja koira", "question": "the cat", "options": ["koira", "talo", "joki"]}


def test_the_options_are_scored_as_by_the_library(client):
    body = client.post("/qa", json=QUESTION | {"lang": "fi", "question_lang": "en"}).json()
    expected = xsearch.score_options(*QUESTION.values(), lang="fi", question_lang="en")
    assert body == {
        "chosen": expected.chosen,
        "option": QUESTION["options"][expected.chosen],
        "scores": [round(score, 6) for score in expected.scores],
        "margin": round(expected.margin, 6),
        "space": "shared",
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": ["one"]}, "options has 1 items, expected 2"),
        ({"options": ["one", " "]}, "is empty"),
        ({"passage": ""}, "is empty"),
        ({"passage": None}, "passage is missing"),
        ({"option_lang": "qq"}, "unknown language"),
        ({"long_passages": "some"}, "expected one of best-window, whole"),
    ],
)
def test_questions_that_cannot_be_scored(client, change, message):
    answered = client.post("/qa", json=QUESTION | {"lang": "fi"} | change)
    assert answered.status_code == 400
    assert message in answered.json()["error"]

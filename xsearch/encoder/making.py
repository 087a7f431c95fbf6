"""Making what runs from a module's weights: the 8-bit graph where the module is calibrated, float32 otherwise."""

from __future__ import annotations

import logging

import numpy as np

from xsearch.encoder import cache
from xsearch.encoder.calibration import read_calibration
from xsearch.encoder.graph import float_graph
from xsearch.encoder.installed import find_base
from xsearch.encoder.int8_graph import int8_graph
from xsearch.encoder.module import Module
from xsearch.encoder.runtime import OnnxSession
from xsearch.encoder.tokenisation import Tokeniser
from xsearch.encoder.weights import Body, compose

_logger = logging.getLogger(__name__)

# Sound modules reach .998 and more on the sentences below.
_MINIMUM_COSINE = 0.99
# One sentence in each of many languages: whatever the module reads is among them, the rest are unknown words.
PROBE = (
    "The ferry to the island leaves every morning at eight.",
    "How do I get rust stains out of a white shirt?",
    "Lautta saareen lähtee joka aamu kahdeksalta, paitsi sunnuntaisin.",
    "Die Bibliothek bleibt wegen Bauarbeiten bis Ende März geschlossen.",
    "Le marché aux poissons ouvre avant le lever du soleil.",
    "La abuela guarda las recetas en una caja de hojalata.",
    "Bahçedeki kiraz ağacı bu yıl erken çiçek açtı.",
    "Поезд на север опоздал из-за сильного снегопада.",
    "يفتح السوق القديم أبوابه كل يوم جمعة.",
    "नदी के किनारे बच्चे पतंग उड़ा रहे थे।",
    "这座桥是在一百年前用石头建成的。",
    "새로 생긴 도서관은 저녁 아홉 시까지 문을 연다.",
    "నది ఒడ్డున పిల్లలు ఆడుకుంటున్నారు.",
    "ልጆቹ በወንዙ ዳር ይጫወታሉ።",
    "Watoto wanacheza mpira karibu na mto kila jioni.",
)


def exact_session(module: Module, space: str) -> OnnxSession:
    """The graph of `space` in float32."""
    return OnnxSession(float_graph(verified_body(module, space)))


def best_session(module: Module, space: str, tokeniser: Tokeniser, name: str) -> OnnxSession:
    """The 8-bit graph of `space`, checked against float32 and kept in the cache as `name`; or float32.

    Raises:
        ModuleError: the module, its base or its calibration is damaged or missing.
    """
    body = verified_body(module, space)
    exact = OnnxSession(float_graph(body))
    ranges = read_calibration(module, space)
    if ranges is None:
        return exact
    model = int8_graph(body, ranges)
    rounded = OnnxSession(model)
    cosine = _agreement(exact, rounded, module, tokeniser)
    if not cosine >= _MINIMUM_COSINE:
        _logger.warning(
            "the %s module loses too much by 8-bit rounding (mean cosine %.4f to float32, at least %.2f is wanted), "
            "so it runs in float32 at half the speed; calibrate it again",
            module.config.language,
            cosine,
            _MINIMUM_COSINE,
        )
        return exact
    cache.store_model(name, model)
    cache.remember_verified(module)
    return rounded


def _agreement(exact: OnnxSession, rounded: OnnxSession, module: Module, tokeniser: Tokeniser) -> float:
    """Mean cosine between the two forms' vectors of the probe."""
    cosines = []
    for ids in tokeniser.ids(PROBE):
        embeddings = module.table.rows(ids[None])
        ours, theirs = (session.run(["sentence"], embeddings)[0] for session in (rounded, exact))
        cosines.append(float((ours * theirs).sum()))
    return float(np.mean(cosines))


def verified_body(module: Module, space: str) -> Body:
    """The weights of `space`, once the files of the module and of its base were compared with their content hashes."""
    base = find_base(module)
    for part in (module, base):
        if part is not None:
            part.verify()
    return compose(module, base, space)
